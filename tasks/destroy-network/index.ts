/** Role: the cluster's rules and network go, and the host forwards again only if it did before. */
import { find, removeRules } from '../../src/hypervisor/index.ts'
import type { UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { NETWORK_CONF, restartNetworkDaemon, withoutBackend } from '../shared/network-conf.ts'
import { restoreForwarding } from '../shared/forwarding.ts'

export const removeFirewallRules = task<UnprovisionVars>('destroy-network: remove forward and masquerade rules', async ({ host, vars }) => {
  await removeRules(host, vars.vmhost_cluster_name)
})

export const destroyNetwork = task<UnprovisionVars>('destroy-network: remove the network', async ({ hypervisor, vars }) => {
  const network = await hypervisor.networks.inspect(vars.vmhost_cluster_name)
  // With user networking a network of this name is somebody else's business.
  if (vars.vm_network_mode === 'user' && network?.cluster !== vars.vmhost_cluster_name) return
  await hypervisor.networks.remove(vars.vmhost_cluster_name, vars.vmhost_cluster_name)
})

export const restoreHost = task<UnprovisionVars>('destroy-network: give forwarding and firewall back', async (context) => {
  const { host, hypervisor, vars } = context
  const others = [...(await hypervisor.networks.list()).entries()].filter(([name]) => name !== vars.vmhost_cluster_name).map(([, network]) => network)
  const farms = others.some((network) => network.cluster !== undefined)
  if (farms) return
  await restoreForwarding(host, others.some((network) => network.active && find(network.document, 'forward') !== undefined))
  const text = await host.readFile(NETWORK_CONF)
  if (text === undefined || withoutBackend(text) === text) return
  const rest = withoutBackend(text)
  if (rest.trim() === '') await host.change({ summary: `remove ${NETWORK_CONF}` }, ($) => $`rm -f ${NETWORK_CONF}`)
  else await host.ensureFile(NETWORK_CONF, rest, { title: NETWORK_CONF })
  await restartNetworkDaemon(context)
})
