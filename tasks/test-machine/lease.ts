/** An address in a libvirt network that its DHCP server keeps for one machine. */
import { InputError } from '../../src/errors.ts'
import { find, findAll, parseXml, type Hypervisor } from '../../src/hypervisor/index.ts'
import type { AddressedInterface } from '../../src/machine/index.ts'

/** Sees that the network is there, runs, and keeps the address for the machine. Other kinds of interfaces need nothing. */
export async function ensureLease({ host, virsh }: Hypervisor, { type, source = '', mac, ip }: AddressedInterface, hostname: string): Promise<void> {
  if (type !== 'network') return
  const [document, running] = await virsh.ask([['net-dumpxml', source], ['net-list', '--name']])
  if (document === undefined) throw new InputError('no-network', `there is no libvirt network ${source}`, { host: host.name, hint: 'virsh net-list --all shows those that there are' })
  if (!(running ?? '').split('\n').some((line) => line.trim() === source)) await host.change({ summary: `start network ${source}` }, ($) => virsh.apply($, [['net-start', source]]))
  if (ip === undefined) return
  const hosts = findAll(find(parseXml(document), 'ip', 'dhcp'), 'host').map(({ attributes }) => attributes)
  if (hosts.some((entry) => entry['mac']?.toLowerCase() === mac && entry['ip'] === ip)) return
  const other = hosts.find((entry) => entry['ip'] === ip && entry['mac']?.toLowerCase() !== mac)
  if (other !== undefined) throw new InputError('address-taken', `network ${source} keeps ${ip} for ${other['name'] ?? other['mac']}`, { host: host.name, hint: 'give the machine another ip' })
  const verb = hosts.some((entry) => entry['mac']?.toLowerCase() === mac) ? 'modify' : 'add-last'
  await host.change({ summary: `keep ${ip} in network ${source} for ${hostname}` }, ($) => virsh.apply($, [['net-update', source, verb, 'ip-dhcp-host', `<host mac='${mac}' name='${hostname}' ip='${ip}'/>`, '--live', '--config']]))
}
