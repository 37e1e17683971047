/** A built image: templates/image/build.sh run on the hypervisor, with farm's guest files laid over the distribution's. */
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import type { ImageRecord } from './cache.ts'
import { kernelCommandLine } from './command-line.ts'
import { checkForeign } from './foreign.ts'
import { guestFiles, readBuildScript } from './guest-files.ts'
import { buildPackages } from './key.ts'
import { needPrograms } from './programs.ts'
import { tar } from './tar.ts'
import { during, type Watch } from './transfer.ts'
import type { BaseImage, BuildSpec } from './types.ts'

/** MiB of a built disk. Machines' disks are larger, and their guests let the file system grow. */
const SIZE = 2048

/** How the machines of a built image start. */
export function buildTraits({ arch }: BuildSpec): Pick<BaseImage, 'boot' | 'cmdline' | 'seed'> & { initrd: boolean } {
  return { boot: 'kernel', initrd: true, cmdline: kernelCommandLine(arch), seed: 'farm' }
}

/** Bytes that a build needs while it is under way: the tree, the raw disk and the qcow2 file. */
const BUILD_BYTES = 1.5 * 2 ** 30

/**
 * Finds out, without changing anything, whether a build can be begun on the host.
 * @throws InputError image-suite, image-package …; TaskError builder-missing, builder-privilege, foreign-arch
 */
export async function checkBuilder(host: Host, spec: BuildSpec): Promise<{ readonly size: number }> {
  buildPackages(spec)
  await needPrograms(host, ['mmdebstrap', 'mkfs.ext4', 'qemu-img'], 'building an image', { code: 'builder-missing', otherwise: 'take an image to download (in a cluster, vm_download_url)' })
  const uid = (await host.query`id -u`).stdout.trim()
  if (uid !== '0') throw new TaskError('builder-privilege', 'building an image needs root', { host: host.name, hint: 'let farm become root on this host, or take an image to download (in a cluster, vm_download_url)' })
  await checkForeign(host, spec.arch)
  return { size: BUILD_BYTES }
}

/**
 * Fills `stage` with disk.qcow2, vmlinuz, initrd.img and build.log.
 * @param log - where the log is kept when the build fails, e.g. `<key>.log` beside the image's place
 * @throws TaskError image-build with the log's end
 */
export async function build(host: Host, $: Shell, spec: BuildSpec, key: string, { stage, log }: { readonly stage: string; readonly log: string }, watch: Watch): Promise<ImageRecord> {
  const packages = buildPackages(spec)
  await host.writeFile(`${stage}/rootfs.tar`, tar(guestFiles()))
  await host.writeFile(`${stage}/build.sh`, readBuildScript())
  const started = Date.now()
  const tell = async (): Promise<void> => {
    const doing = (await host.query({ nothrow: true })`cat ${`${stage}/stage`}`).stdout.trim()
    watch.progress(`building the image: ${doing || 'starting'} (${Math.round((Date.now() - started) / 1000)} s)`)
  }
  const script = $({ nothrow: true })`sh ${`${stage}/build.sh`} ${stage} ${spec.suite} ${spec.arch} ${packages.join(',')} ${SIZE} ${spec.mirror ?? ''}`
  const result = await during(script, tell, watch.signal)
  if (result.exitCode !== 0) {
    const tail = await $({ nothrow: true })`mv -f ${`${stage}/build.log`} ${log}; tail -n 20 ${log}`
    const details = (tail.stdout.trim() || result.stderr.trim()).split('\n')
    const offline = details.some((line) => /Could not resolve|Failed to fetch|Unable to connect|Temporary failure resolving|does not have a Release file|apt-get update.* failed/.test(line))
    throw new TaskError('image-build', `the image ${key} could not be built: ${reason(details)}`, {
      host: host.name,
      hint: offline ? `the hypervisor must reach a Debian mirror; or take an image to download (in a cluster, vm_download_url). The whole log is in ${log}` : `the whole log is in ${log}`,
      details,
    })
  }
  await $`rm -rf ${`${stage}/build.sh`} ${`${stage}/rootfs.tar`} ${`${stage}/stage`} ${log}`
  return { key, origin: `${spec.suite} ${spec.arch} from ${spec.mirror ?? 'the default mirror'}`, virtualSize: SIZE * 2 ** 20, ...buildTraits(spec), packages, made: new Date().toISOString() }
}

/** The first line that names an error, else the last. */
function reason(lines: readonly string[]): string {
  return (lines.find((line) => /^E: /.test(line)) ?? lines.at(-1) ?? 'no reason was given').replace(/^E: /, '')
}
