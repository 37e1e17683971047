/** Role: what a half-finished provision left in the cluster's pool goes, then the pool and its directory. */
import { poolName, type UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { directory } from '../shared/cluster.ts'
import { inspectDisks } from '../provision-vm/disks.ts'

/**
 * Removes overlays and seeds that no machine uses: a run that was killed between a disk and its machine leaves them.
 * In farm's own pool, a disk that stands on an image of farm's cache is farm's; anything else stays.
 */
export const removeLeftovers = task<UnprovisionVars>('destroy-cluster-pool: remove what no machine uses', async ({ host, hypervisor, vars, note }) => {
  const pool = await hypervisor.pools.inspect(poolName(vars), vars.vmhost_cluster_name)
  if (pool === undefined || !pool.owned) return
  const { stdout } = await host.query`if [ -d ${pool.path} ]; then ls -A ${pool.path}; fi`
  const domains = await hypervisor.domains.list()
  const names = stdout.split('\n').filter((name) => name !== '')
  const files = names.filter((name) => !domains.has(name.replace(/(\.seed\.iso|\.qcow2)$/, ''))).map((name) => `${pool.path}/${name}`)
  const disks = await inspectDisks(host, files)
  const cache = `${directory(vars.vm_image_cache)}/`
  const ours = files.filter((file, index) => /\.seed\.iso(\..*)?$|\/\.[^/]*\.seed\.iso[^/]*$/.test(file) || disks[index]?.backing?.startsWith(cache) === true)
  if (ours.length > 0) await host.change({ summary: `remove ${ours.map((file) => file.slice(pool.path.length + 1)).join(', ')} from ${pool.path}` }, ($) => $`rm -f ${ours}`)
  const foreignFiles = files.filter((file) => !ours.includes(file))
  if (foreignFiles.length > 0) note('warning', `${pool.path} keeps ${foreignFiles.length} file(s) that farm did not make, and so it stays: ${foreignFiles.slice(0, 3).join(', ')}`)
})

export const destroyPool = task<UnprovisionVars>('destroy-cluster-pool: remove the pool', async ({ hypervisor, vars }) => {
  await hypervisor.pools.remove(poolName(vars), vars.vmhost_cluster_name)
})

