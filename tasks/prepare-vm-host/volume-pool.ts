import { poolDir, poolName, type ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { renderTemplate } from '../../src/vars/index.ts'
import { clusterPaths } from '../shared/cluster.ts'

/** The pool in which the cluster's disks live, apart from everything else on the host. */
export const volumePool = task<ClusterVars>('prepare-vm-host: create the volume pool', async ({ hypervisor, vars, templateDirs }) => {
  const facts = await hypervisor.facts(clusterPaths(vars))
  const name = poolName(vars)
  const path = poolDir(vars)
  await hypervisor.pools.ensure({
    name,
    path,
    cluster: vars.vmhost_cluster_name,
    render: async (uuid) => (await renderTemplate('pool.xml', { name, uuid, path, ownedByRoot: facts.uid === 0 }, { dirs: [...templateDirs] })).text,
  })
})
