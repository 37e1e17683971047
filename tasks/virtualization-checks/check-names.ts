import { InputError } from '../../src/errors.ts'
import { filesIn, foreign, type Domain } from '../../src/hypervisor/index.ts'
import { machineUuid, planCluster, type ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { machineFiles } from '../shared/cluster.ts'
import { existingFiles } from '../shared/files.ts'

/** Refuses names that stand for something farm did not make for this cluster: machines, networks, pools, disk files. */
export const checkNames = task<ClusterVars>('virtualization-checks: check that names are free', async ({ host, hypervisor, vars, owner, note }) => {
  const plan = planCluster(vars, host.name)
  const domains = await hypervisor.domains.list()
  for (const { name } of plan.machines) {
    const domain = domains.get(name)
    if (domain !== undefined && domain.mark?.cluster !== plan.name) throw foreign(`machine ${name}`, host.name, domain.mark?.cluster)
    const renamed = [...domains.values()].find((other) => other.name !== name && (other.uuid === machineUuid(plan.name, name) || filesIn(other.document).includes(machineFiles(vars, name).disk)))
    if (renamed !== undefined) {
      throw new InputError('machine-renamed', `${renamed.name} on ${host.name} is what farm knows as ${name}: it has its UUID or its disk`, { host: host.name, hint: `rename it back with "virsh domrename ${renamed.name} ${name}", or take ${name} off vm_cluster_vms` })
    }
    if (domain?.mark !== undefined && (domain.mark.address === '127.0.0.1') !== (plan.network === undefined)) {
      throw new InputError('network-mode', `vm_network_mode: ${name} was made with ${plan.network === undefined ? 'a network' : 'user networking'}, which cannot be changed under it`, { host: host.name, hint: 'run unprovision-cluster first, or set vm_network_mode back' })
    }
  }
  reportOtherOwners([...domains.values()].filter((domain) => domain.mark?.cluster === plan.name), owner, (message) => note('warning', message))
  if (plan.network !== undefined) {
    const network = await hypervisor.networks.inspect(plan.network.name)
    if (network !== undefined && network.cluster !== plan.name) throw foreign(`network ${plan.network.name}`, host.name, network.cluster)
  }
  if ((await hypervisor.pools.refuseForeign({ name: plan.pool, cluster: plan.name, path: plan.poolDir })) !== undefined) return

  const [present] = await existingFiles(host, plan.machines.map(({ name }) => machineFiles(vars, name).disk))
  if (present !== undefined) {
    throw new InputError('foreign-object', `there is already a file ${present} on ${host.name}, and farm did not make it`, { host: host.name, hint: 'move it away, or set vm_pool_dir to another directory' })
  }
})

/** Two people who use one cluster name on one host share its machines, and may not know it. */
function reportOtherOwners(domains: readonly Domain[], owner: string, warn: (message: string) => void): void {
  const others = [...new Set(domains.map((domain) => domain.mark?.owner ?? ''))].filter((other) => other !== owner)
  if (others.length > 0) warn(`machines of this cluster were made by ${others.join(', ')}: your login key may not fit, and unprovision-cluster takes them away; another vmhost_cluster_name keeps clusters apart`)
}
