/** Role: the farm's machines go, with disks, snapshots, firmware variables, seeds and logs; nothing else does. */
import { posix } from 'node:path'
import type { Domain, HostLock, Hypervisor } from '../../src/hypervisor/index.ts'
import { purgeImages, removeWorkingFiles } from '../../src/image/index.ts'
import { farmDirs, type FarmDirs, type FarmWhereVars } from '../../src/machine/index.ts'
import { task, type TaskContext } from '../../src/recipe/index.ts'
import { lockMachine } from '../shared/machine-lock.ts'
import { removeOwnDirectory } from '../shared/own-directory.ts'
import { settleAll } from '../shared/settle.ts'
import { filesUsedBy, imagesInUse } from '../shared/used.ts'

/** Takes machines of a farm away. */
export async function removeFarmMachines(hypervisor: Hypervisor, machines: readonly Domain[], farm: string, dirs: FarmDirs): Promise<void> {
  const all = [...(await hypervisor.domains.list()).values()]
  const names = new Set(machines.map(({ name }) => name))
  const usedElsewhere = await filesUsedBy(hypervisor, all.filter(({ name }) => !names.has(name)))
  await settleAll(machines.map((domain) => {
    const within = [dirs.pool, dirs.consoles, ...(domain.mark === undefined ? [] : [posix.dirname(domain.mark.console)])]
    return hypervisor.domains.remove(domain, farm, { within, shared: [dirs.images], usedElsewhere })
  }))
}

/** Where the farm's files are on this host. */
export async function dirsOn({ host, vars }: Pick<TaskContext<FarmWhereVars>, 'host' | 'vars'>): Promise<FarmDirs> {
  return farmDirs(vars, (await host.query`cd; pwd`).stdout.trim())
}

export const removeMachines = task<FarmWhereVars>('remove the machines', async (context) => {
  const { hypervisor, vars } = context
  const all = [...(await hypervisor.domains.list()).values()]
  const mine = all.filter(({ mark }) => mark?.cluster === vars.farm_name)
  const locks: HostLock[] = []
  try {
    // None goes while another farm takes it through its life.
    for (const { name } of context.check ? [] : mine) locks.push(await lockMachine(context, name))
    if (mine.length > 0) await removeFarmMachines(hypervisor, mine, vars.farm_name, await dirsOn(context))
  } finally {
    await settleAll(locks.map((lock) => lock.release()))
  }
})

/** Removes what an ended run has left and, when asked, images that nobody uses. */
export const removeFarmFiles = task<FarmWhereVars & { readonly vm_purge_image_cache: boolean }>('remove what is left of the farm', async (context) => {
  const { host, hypervisor, vars } = context
  const dirs = await dirsOn(context)
  await removeWorkingFiles(host, dirs.working)
  await removeOwnDirectory(host, dirs.pool)
  await removeOwnDirectory(host, dirs.consoles)
  if (vars.vm_purge_image_cache) await purgeImages(host, dirs.images, await imagesInUse(hypervisor, dirs.images))
})
