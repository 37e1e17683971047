import type { TaskContext } from '../../src/recipe/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'

/** libvirt reads it from 10.4 on; older ones know iptables alone. */
export const NETWORK_CONF = '/etc/libvirt/network.conf'
const MARK = '# Set by farm; unprovision-cluster removes this line and the next.'

/** The file with the setting in it: farm's own lines replaced, a user's own setting commented by nobody. */
export function withBackend(text: string, backend: string): string {
  const rest = withoutBackend(text)
  return `${rest}${rest === '' || rest.endsWith('\n') ? '' : '\n'}${MARK}\nfirewall_backend = "${backend}"\n`
}

/** The file without farm's lines. */
export function withoutBackend(text: string): string {
  const lines = text.split('\n')
  const at = lines.indexOf(MARK)
  if (at >= 0) lines.splice(at, 2)
  return lines.join('\n')
}

/** The value that the file sets, whoever wrote it. */
export function backendIn(text: string): string | undefined {
  return /^\s*firewall_backend\s*=\s*"(\w+)"/m.exec(text)?.[1]
}

/** Has libvirt make its rules with the backend that is asked for. */
export const firewallBackend = task<ClusterVars>('prepare-vm-host: choose the firewall backend', async (context) => {
  const { host, hypervisor, vars, skip } = context
  if (vars.firewall_backend === 'auto') skip('firewall_backend is auto: libvirt chooses')
  if (vars.vm_network_mode === 'user') skip('user networking needs no firewall')
  const answer = await hypervisor.virsh.version()
  const [major = 0, minor = 0] = (answer.version ?? '0.0').split('.').map(Number)
  if (major < 10 || (major === 10 && minor < 4)) {
    if (vars.firewall_backend === 'iptables') skip(`libvirt ${answer.version ?? ''} knows no other backend than iptables`)
    skip(`libvirt ${answer.version ?? ''} cannot use ${vars.firewall_backend}; it takes 10.4`)
  }
  const text = (await host.readFile(NETWORK_CONF)) ?? ''
  if (backendIn(text) === vars.firewall_backend) return
  await host.ensureFile(NETWORK_CONF, withBackend(text, vars.firewall_backend), { title: NETWORK_CONF })
  // At once and not by a handler: the network that is made next has to come from the new backend.
  await restartNetworkDaemon(context)
})

/** Has the daemon that owns networks read its configuration anew. */
export async function restartNetworkDaemon({ host, hypervisor, vars }: Pick<TaskContext<Pick<ClusterVars, 'libvirtd_service'>>, 'host' | 'hypervisor' | 'vars'>): Promise<void> {
  const facts = await hypervisor.facts()
  await host.change({ summary: 'restart libvirt so that it reads network.conf' }, async ($) => {
    if (facts.init === 'systemd') await $`systemctl try-restart virtnetworkd.service ${vars.libvirtd_service ?? 'libvirtd.service'}`
    else if (facts.init === 'openrc') await $`rc-service ${vars.libvirtd_service ?? 'libvirtd'} restart`
    else await $`PATH=$PATH:/usr/sbin:/sbin; pid=$(cat /run/libvirtd.pid); kill "$pid"; while [ -d "/proc/$pid" ]; do sleep 0.1; done; libvirtd -d`
  })
}
