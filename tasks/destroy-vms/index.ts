/** Role: the cluster's machines go, with disks, snapshots, NVRAM, saved memory, seeds and logs; nothing else does. */
import { posix } from 'node:path'
import { foreign } from '../../src/hypervisor/index.ts'
import { poolDir, poolName, type UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { settleAll } from '../shared/settle.ts'
import { filesUsedBy } from '../shared/used.ts'

/** Stops before anything is removed when something of the cluster's names is not the cluster's. */
export const checkOwnership = task<UnprovisionVars>('destroy-vms: check what belongs to the cluster', async ({ host, hypervisor, vars }) => {
  const cluster = vars.vmhost_cluster_name
  const domains = await hypervisor.domains.list()
  for (const name of vars.vm_cluster_vms ?? []) {
    const domain = domains.get(name)
    if (domain !== undefined && domain.mark?.cluster !== cluster) throw foreign(`machine ${name}`, host.name, domain.mark?.cluster)
  }
  const network = vars.vm_network_mode === 'user' ? undefined : await hypervisor.networks.inspect(cluster)
  if (network !== undefined && network.cluster !== cluster) throw foreign(`network ${cluster}`, host.name, network.cluster)
  const pool = await hypervisor.pools.inspect(poolName(vars), cluster)
  if (pool?.owned === false) throw foreign(`pool ${poolName(vars)}`, host.name)
})

export const destroyMachines = task<UnprovisionVars>('destroy-vms: remove the machines', async ({ hypervisor, vars }) => {
  const cluster = vars.vmhost_cluster_name
  const all = [...(await hypervisor.domains.list()).values()]
  const mine = all.filter((domain) => domain.mark?.cluster === cluster)
  if (mine.length === 0) return
  const others = all.filter((domain) => !mine.includes(domain))
  const usedElsewhere = await filesUsedBy(hypervisor, others)
  const pool = await hypervisor.pools.inspect(poolName(vars), cluster)
  const shared = [vars.vm_image_cache]
  await settleAll(mine.map((domain) => {
    const within = [poolDir(vars), ...(pool === undefined ? [] : [pool.path]), ...(domain.mark === undefined ? [] : [posix.dirname(domain.mark.console)])]
    return hypervisor.domains.remove(domain, cluster, { within, shared, usedElsewhere })
  }))
})
