import { InputError } from '../../src/errors.ts'
import { foreign } from '../../src/hypervisor/index.ts'
import { planCluster, poolDir, poolName, type ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { machineFiles } from '../shared/cluster.ts'

/** Refuses names that stand for something farm did not make for this cluster: machines, networks, pools, disk files. */
export const checkNames = task<ClusterVars>('virtualization-checks: check that names are free', async ({ host, hypervisor, vars }) => {
  const plan = planCluster(vars, host.name)
  const domains = await hypervisor.domains.list()
  for (const { name } of plan.machines) {
    const domain = domains.get(name)
    if (domain !== undefined && domain.mark?.cluster !== plan.name) throw foreign(`machine ${name}`, host.name, domain.mark?.cluster)
  }
  if (plan.network !== undefined) {
    const network = await hypervisor.networks.inspect(plan.network.name)
    if (network !== undefined && network.cluster !== plan.name) throw foreign(`network ${plan.network.name}`, host.name, network.cluster)
  }
  const pool = await hypervisor.pools.inspect(poolName(vars), plan.name)
  if (pool !== undefined) return hypervisor.pools.refuseForeign({ name: plan.pool, cluster: plan.name, path: poolDir(vars) })

  const files = plan.machines.map(({ name }) => machineFiles(vars, name).disk)
  const { stdout } = await host.query`for file in ${files}; do if [ -e "$file" ]; then echo "$file"; fi; done`
  const [present] = stdout.split('\n').filter((line) => line !== '')
  if (present !== undefined) {
    throw new InputError('foreign-object', `there is already a file ${present} on ${host.name}, and farm did not make it`, { host: host.name, hint: 'move it away, or set vm_pool_dir to another directory' })
  }
})
