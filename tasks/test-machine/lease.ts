/** An address in a libvirt network that its DHCP server keeps for one machine. */
import { InputError } from '../../src/errors.ts'
import { find, findAll, parseXml, type Hypervisor } from '../../src/hypervisor/index.ts'
import type { AddressedInterface } from '../../src/machine/index.ts'

/** What a libvirt network says of an interface that is to be in it. */
export interface Lease {
  readonly runs: boolean
  /** What the network keeps for the machine already: its address, another one, or none. Undefined where the address is not fixed. */
  readonly kept: 'it' | 'another' | 'none' | undefined
}

/**
 * Reads whether the network can keep the address for the machine; undefined for other kinds of interfaces.
 * @throws InputError `no-network`, `address-taken`
 */
export async function readLease({ host, virsh }: Hypervisor, { type, source = '', mac, ip }: AddressedInterface): Promise<Lease | undefined> {
  if (type !== 'network') return undefined
  const [document, running] = await virsh.ask([['net-dumpxml', source], ['net-list', '--name']])
  if (document === undefined) throw new InputError('no-network', `there is no libvirt network ${source} on ${host.name}`, { host: host.name, hint: 'virsh net-list --all shows those that there are' })
  const runs = (running ?? '').split('\n').some((line) => line.trim() === source)
  if (ip === undefined) return { runs, kept: undefined }
  const hosts = findAll(find(parseXml(document), 'ip', 'dhcp'), 'host').map(({ attributes }) => attributes)
  if (hosts.some((entry) => entry['mac']?.toLowerCase() === mac && entry['ip'] === ip)) return { runs, kept: 'it' }
  const other = hosts.find((entry) => entry['ip'] === ip && entry['mac']?.toLowerCase() !== mac)
  if (other !== undefined) throw new InputError('address-taken', `network ${source} keeps ${ip} for ${other['name'] ?? other['mac']}`, { host: host.name, hint: 'give the machine another ip' })
  return { runs, kept: hosts.some((entry) => entry['mac']?.toLowerCase() === mac) ? 'another' : 'none' }
}

/** Sees that the network is there, runs, and keeps the address for the machine. Other kinds of interfaces need nothing. */
export async function ensureLease(hypervisor: Hypervisor, nic: AddressedInterface, hostname: string): Promise<void> {
  const lease = await readLease(hypervisor, nic)
  if (lease === undefined) return
  const { host, virsh } = hypervisor
  const { source = '', mac, ip = '' } = nic
  if (!lease.runs) await host.change({ summary: `start network ${source}` }, ($) => virsh.apply($, [['net-start', source]]))
  if (lease.kept === undefined || lease.kept === 'it') return
  const verb = lease.kept === 'another' ? 'modify' : 'add-last'
  await host.change({ summary: `keep ${ip} in network ${source} for ${hostname}` }, ($) => virsh.apply($, [['net-update', source, verb, 'ip-dhcp-host', `<host mac='${mac}' name='${hostname}' ip='${ip}'/>`, '--live', '--config']]))
}
