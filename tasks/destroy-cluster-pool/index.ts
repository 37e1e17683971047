/** Role: what a half-finished provision left in the cluster's pool goes, then the pool and its directory. */
import { filesIn } from '../../src/hypervisor/index.ts'
import { poolName, type UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'

import { inspectDisks } from '../shared/disks.ts'

/** Files that farm writes under a temporary name while they are not complete. */
const UNFINISHED = /^\.farm-\w{6}$/

/**
 * Removes overlays and seeds that no machine uses: a run that was killed between a disk and its machine leaves them. In
 * a directory that farm made, a disk on an image of farm's cache is farm's; in one that was there before, only what is
 * named after the cluster's machines. Anything else stays.
 */
export const removeLeftovers = task<UnprovisionVars>('destroy-cluster-pool: remove what no machine uses', async ({ host, hypervisor, vars, note }) => {
  const pool = await hypervisor.pools.inspect(poolName(vars), vars.vmhost_cluster_name)
  if (pool === undefined || !pool.owned) return
  const { stdout } = await host.query`if [ -d ${pool.path} ]; then ls -A ${pool.path}; fi`
  const used = new Set([...(await hypervisor.domains.list()).values()].flatMap((domain) => filesIn(domain.document)))
  const listed = new Set((vars.vm_cluster_vms ?? []).flatMap((name) => [`${name}.qcow2`, `${name}.seed.iso`]))
  const names = stdout.split('\n').filter((name) => name !== '' && !used.has(`${pool.path}/${name}`))
  const files = names.filter((name) => pool.madeDirectory || listed.has(name) || UNFINISHED.test(name))
  const disks = await inspectDisks(host, files.map((name) => `${pool.path}/${name}`))
  const cache = `${vars.vm_image_cache}/`
  const ours = files.filter((name, index) => UNFINISHED.test(name) || name.endsWith('.seed.iso') || disks[index]?.image?.startsWith(cache) === true)
  if (ours.length > 0) await host.change({ summary: `remove ${ours.join(', ')} from ${pool.path}` }, ($) => $`rm -f -- ${ours.map((name) => `${pool.path}/${name}`)}`)
  const strangers = names.filter((name) => !ours.includes(name))
  if (pool.madeDirectory && strangers.length > 0) note('warning', `${pool.path} keeps ${strangers.length} file(s) that farm did not make, and so it stays: ${strangers.slice(0, 3).join(', ')}`)
})

export const destroyPool = task<UnprovisionVars>('destroy-cluster-pool: remove the pool', async ({ hypervisor, vars }) => {
  await hypervisor.pools.remove(poolName(vars), vars.vmhost_cluster_name)
})
