/** What several roles ask of a cluster's variables. */
import { posix } from 'node:path'
import { InputError } from '../../src/errors.ts'
import type { HypervisorFacts } from '../../src/hypervisor/index.ts'
import { debianArch, type PlainSpec } from '../../src/image/index.ts'
import { poolDir, type ClusterVars } from '../../src/machine/index.ts'

/** The variables that name directories on the hypervisor. */
export type PathVars = Pick<ClusterVars, 'vmhost_cluster_name' | 'vm_pool_dir' | 'vm_image_cache' | 'vm_working_dir'>

/** Directories on the hypervisor whose free space matters; one list, so that the facts are asked for once. */
export function clusterPaths(vars: PathVars): string[] {
  return [poolDir(vars), vars.vm_image_cache, vars.vm_working_dir]
}

/** The image that the variables ask for: one to download, or one to build from the distribution's mirror. */
export function imageSpec(vars: ClusterVars, facts: HypervisorFacts, host: string): PlainSpec {
  const packages = [...vars.vm_image_packages, ...(vars.vm_python ? ['python3'] : [])]
  if (vars.vm_download_url === undefined) {
    const arch = debianArch(facts.arch)
    if (arch === undefined) throw new InputError('no-image', `no image is given, and farm cannot build one for ${facts.arch}`, { host, hint: 'set vm_download_url and vm_img_checksum_url' })
    const suite = vars.vm_image_suite ?? (facts.distribution[0] === 'debian' && facts.codename !== '' ? facts.codename : 'bookworm')
    return { kind: 'build', suite, arch, packages }
  }
  const beside = (name: string | undefined): string | undefined => (name === undefined ? undefined : vars.vm_download_url?.replace(/[^/]*$/, name))
  const kernelUrl = vars.vm_kernel_url ?? beside(vars.vm_kernel_name)
  const initrdUrl = vars.vm_initrd_url ?? beside(vars.vm_initrd_name)
  const seed = vars.vm_image_seed === 'auto' ? (kernelUrl === undefined ? 'cloud-init' : 'farm') : vars.vm_image_seed
  return {
    kind: 'download',
    url: vars.vm_download_url,
    workingDir: vars.vm_working_dir,
    seed,
    arch: facts.arch,
    ...(vars.vm_img_name !== undefined && { name: vars.vm_img_name }),
    ...(vars.vm_img_checksum_url !== undefined && { checksumUrl: vars.vm_img_checksum_url }),
    ...(vars.vm_img_checksum !== undefined && { checksum: vars.vm_img_checksum }),
    ...(kernelUrl !== undefined && { kernelUrl }),
    ...(initrdUrl !== undefined && { initrdUrl }),
  }
}

/** Files of a machine on the hypervisor. */
export function machineFiles(vars: ClusterVars, name: string): { readonly disk: string; readonly seed: string; readonly console: string } {
  return {
    disk: posix.join(poolDir(vars), `${name}.qcow2`),
    seed: posix.join(poolDir(vars), `${name}.seed.iso`),
    console: posix.join(vars.vm_console_dir, `${name}.log`),
  }
}
