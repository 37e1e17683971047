/** libvirt's network.conf: the firewall backend that it makes its rules with, and the daemon that reads it. */
import type { ClusterVars } from '../../src/machine/index.ts'
import type { TaskContext } from '../../src/recipe/index.ts'

/** libvirt reads it from 10.4 on; older ones know iptables alone. */
export const NETWORK_CONF = '/etc/libvirt/network.conf'
const MARK = '# Set by farm; unprovision-cluster removes this line and the next.'

/** The file with farm's setting at its end, in place of an earlier one of farm's. */
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

/** Has the daemon that owns networks read its configuration anew. */
export async function restartNetworkDaemon({ host, hypervisor, vars }: Pick<TaskContext<Pick<ClusterVars, 'libvirtd_service'>>, 'host' | 'hypervisor' | 'vars'>): Promise<void> {
  const facts = await hypervisor.facts()
  await host.change({ summary: 'restart libvirt so that it reads network.conf' }, async ($) => {
    if (facts.init === 'systemd') await $`systemctl try-restart virtnetworkd.service ${vars.libvirtd_service ?? 'libvirtd.service'}`
    else if (facts.init === 'openrc') await $`rc-service ${vars.libvirtd_service ?? 'libvirtd'} restart`
    else await $`pid=$(cat /run/libvirtd.pid); kill "$pid"; while [ -d "/proc/$pid" ]; do sleep 0.1; done; libvirtd -d`
  })
}
