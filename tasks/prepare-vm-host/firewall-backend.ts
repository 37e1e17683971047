import { InputError } from '../../src/errors.ts'
import type { ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { backendIn, NETWORK_CONF, restartNetworkDaemon, withBackend, withoutBackend } from '../shared/network-conf.ts'

/** Has libvirt make its rules with the backend that is asked for. */
export const firewallBackend = task<ClusterVars>('prepare-vm-host: choose the firewall backend', async (context) => {
  const { host, hypervisor, vars, skip } = context
  if (vars.firewall_backend === 'auto') return skip('firewall_backend is auto: libvirt chooses')
  if (vars.vm_network_mode === 'user') skip('user networking needs no firewall')
  const answer = await hypervisor.virsh.version()
  const [major = 0, minor = 0] = (answer.version ?? '0.0').split('.').map(Number)
  if (major < 10 || (major === 10 && minor < 4)) {
    if (vars.firewall_backend === 'iptables') skip(`libvirt ${answer.version ?? ''} knows no other backend than iptables`)
    skip(`libvirt ${answer.version ?? ''} cannot use ${vars.firewall_backend}; it takes 10.4`)
  }
  const text = (await host.readFile(NETWORK_CONF)) ?? ''
  if (backendIn(text) === vars.firewall_backend) return
  if (backendIn(withoutBackend(text)) !== undefined) {
    throw new InputError('firewall-backend', `firewall_backend is ${vars.firewall_backend}, but ${NETWORK_CONF} says ${backendIn(text)}, and farm did not write that`, { host: host.name, hint: `change ${NETWORK_CONF} by hand, or set firewall_backend: auto` })
  }
  await host.ensureFile(NETWORK_CONF, withBackend(text, vars.firewall_backend), { title: NETWORK_CONF })
  // At once and not by a handler: the network that is made next has to come from the new backend.
  await restartNetworkDaemon(context)
})
