import type { ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { clusterPaths } from '../shared/cluster.ts'
import { enableForwarding } from '../shared/forwarding.ts'

/** Lets the host forward IPv4, also after a reboot. */
export const ipv4Forwarding = task<ClusterVars>('prepare-vm-host: enable IPv4 forwarding', async ({ host, hypervisor, vars, skip }) => {
  if (vars.vm_network_mode === 'user') skip('user networking needs no forwarding')
  await enableForwarding(host, (await hypervisor.facts(clusterPaths(vars))).ipForward)
})
