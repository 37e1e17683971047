/** Role: the programs that running machines takes are installed. A program that is there already is never looked up. */
import { installScript, MANAGER_PROGRAMS, type PackageManager } from '../../src/ensure/index.ts'
import { TaskError } from '../../src/errors.ts'
import { emulatorOf } from '../../src/hypervisor/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { clusterPaths } from '../shared/cluster.ts'
import { absentPrograms, missingPackages, needs } from './packages.ts'

const MANAGERS = Object.keys(MANAGER_PROGRAMS) as PackageManager[]

export const installPackages = task<ClusterVars>('virtualization-packages: install what is missing', async ({ host, hypervisor, vars, progress }) => {
  const facts = await hypervisor.facts(clusterPaths(vars))
  const list = needs(vars, facts, emulatorOf(facts.arch))
  const absent = absentPrograms(list, facts).map((need) => need.program)
  if (absent.length === 0) return
  const manager = MANAGERS.find((name) => facts.programs.has(MANAGER_PROGRAMS[name]))
  if (manager === undefined) {
    throw new TaskError('no-package-manager', `${absent.join(', ')} ${absent.length === 1 ? 'is' : 'are'} not installed, and farm knows no package manager of ${host.name}`, { host: host.name, hint: 'install them by hand and run again' })
  }
  const packages = missingPackages(list, facts, manager)
  progress(`installing ${packages.join(' ')}`)
  await host.change({ summary: `install ${packages.join(' ')} (for ${absent.join(', ')})` }, ($) => $`set -- ${packages}; eval ${installScript(manager)}`)
  hypervisor.forget()
  if (host.check) return
  const now = await hypervisor.facts(clusterPaths(vars))
  const still = absentPrograms(list, now).map((need) => need.program)
  if (still.length > 0) {
    throw new TaskError('packages-incomplete', `${packages.join(', ')} ${packages.length === 1 ? 'was' : 'were'} installed, but ${still.join(', ')} ${still.length === 1 ? 'is' : 'are'} still missing`, {
      host: host.name,
      hint: 'the names may differ on this distribution: set libvirt_package, qemu_package, qemu_img_package or dnsmasq_package',
    })
  }
})
