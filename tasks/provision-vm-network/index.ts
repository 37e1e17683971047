/** Role: the cluster's network with its addresses, and the rules that let traffic in and out. */
import { ensureRules } from '../../src/hypervisor/index.ts'
import { planCluster, renderNetwork, type ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { knownAddresses } from '../shared/known.ts'
import { clusterRules } from './rules.ts'

export const provisionNetwork = task<ClusterVars>('provision-vm-network: define the network', async ({ host, hypervisor, vars, owner, templateDirs, note, skip }) => {
  const plan = planCluster(vars, host.name, await knownAddresses(hypervisor, vars))
  if (plan.network === undefined) return skip('user networking needs no network')
  const before = await hypervisor.networks.inspect(plan.network.name)
  const document = await renderNetwork(plan.network, plan.machines, plan.name, before?.owner ?? owner, templateDirs)
  const follows = await hypervisor.networks.ensure({ name: plan.network.name, cluster: plan.name, document })
  if (follows === 'waits') note('warning', `network ${plan.network.name} is running and follows its new definition when it is started anew; machines on it would lose their connection, so farm does not do that by itself`)
})

export const firewallRules = task<ClusterVars>('provision-vm-network: forward and masquerade', async ({ host, vars, skip }) => {
  const plan = planCluster(vars, host.name)
  if (plan.network === undefined) return skip('user networking needs no rules')
  await ensureRules(host, plan.name, clusterRules(vars, plan))
})
