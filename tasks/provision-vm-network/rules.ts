/** The firewall rules that a cluster's network needs beside libvirt's own. */
import type { FirewallRule } from '../../src/hypervisor/index.ts'
import type { ClusterPlan, ClusterVars } from '../../src/machine/index.ts'

/**
 * Machines and the outside network reach each other, and what machines send further out is masqueraded.
 *
 * With NAT libvirt masquerades by itself and lets answers in; what is missing is the way in from the outside network.
 * Without an outside interface and network there is nothing to say.
 */
export function clusterRules(vars: ClusterVars, plan: ClusterPlan): FirewallRule[] {
  const { network } = plan
  const outside = vars.vmhost_iface_name
  const from = vars.vmhost_net
  if (network === undefined || outside === undefined) return []
  const rules: FirewallRule[] = []
  if (from !== undefined) {
    rules.push(
      { table: 'filter', chain: 'FORWARD', match: ['-i', network.bridge, '-o', outside, '-s', network.cidr, '-d', from, '-j', 'ACCEPT'] },
      { table: 'filter', chain: 'FORWARD', match: ['-i', outside, '-o', network.bridge, '-s', from, '-d', network.cidr, '-j', 'ACCEPT'] },
    )
  }
  // A routed network is known to its neighbours, not to the world behind them.
  if (network.mode === 'route') {
    rules.push({ table: 'nat', chain: 'POSTROUTING', match: ['-s', network.cidr, ...(from === undefined ? [] : ['!', '-d', from]), '-o', outside, '-j', 'MASQUERADE'] })
  }
  return rules
}
