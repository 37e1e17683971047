/** A machine's network interfaces: what their fields mean together, and which of them leads to SSH. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { isMap, type ValuePath } from '../../vars/layer.ts'
import { label, type Origin, type Problem } from './problems.ts'
import type { ForwardFields, InterfaceFields } from './schema.ts'
import type { Forward, InterfaceDefinition, MachineDefinition } from './types.ts'

const SSH: Forward = { protocol: 'tcp', address: '127.0.0.1', host: undefined, guest: 22 }

/** The interface on which SSH answers: the first with user networking or an address of its own, else the first whose network gives leases. */
export function sshInterface({ interfaces }: Pick<MachineDefinition, 'interfaces'>): InterfaceDefinition | undefined {
  return interfaces.find(({ type, ip }) => type === 'user' || ip !== undefined) ?? interfaces.find(({ type }) => type === 'network')
}

/** Completes and judges interfaces; `paths` says where each is written. */
export function completeInterfaces(fields: readonly InterfaceFields[], paths: readonly ValuePath[], origin: Origin, problems: Problem[]): InterfaceDefinition[] {
  const say = (path: ValuePath, text: string, hint?: string): void => void problems.push({ text: `${label(path)}: ${text}`, location: origin(path) ?? origin(path.slice(0, -1)) ?? origin(path.slice(0, 1)), hint })
  const interfaces = fields.map((field, index) => completeOne(field, paths[index] ?? [], say))
  const users = interfaces.flatMap(({ type }, index) => (type === 'user' ? [index] : []))
  if (users.length > 1) say(paths[users[1] as number] ?? [], 'a machine has one interface of type user at most', 'write all forwards at one of them')
  if (!sshInterface({ interfaces })) say(paths[0] ?? [], 'no interface leads to SSH', 'give one of them an ip, or add one of type user')
  const macs = interfaces.map(({ mac }) => mac)
  for (const [index, mac] of macs.entries()) if (mac !== undefined && macs.indexOf(mac) < index) say([...(paths[index] ?? []), 'mac'], `${mac} is given twice`)
  checkForwards(interfaces.flatMap(({ forwards }, index) => forwards.map((forward) => ({ forward, path: [...(paths[index] ?? []), 'forwards'] }))), say)
  return interfaces
}

type Say = (path: ValuePath, text: string, hint?: string) => void

function completeOne(field: InterfaceFields, path: ValuePath, say: Say): InterfaceDefinition {
  const { type, model, mac, gateway } = field
  const user = type === 'user'
  const old = user && field.source !== undefined && /(^|,)\s*hostfwd=/.test(field.source)
  const source = old ? undefined : field.source
  if (user && source !== undefined) say([...path, 'source'], 'user networking has no source', 'write forwards: ["8080:80"], or source: null to take away what an earlier file says')
  if (!user && source === undefined) say(path, `an interface of type ${type} needs a source`, SOURCES[type])
  if (type === 'bridge' && source !== undefined && !/^[^\s/]{1,15}$/.test(source)) say([...path, 'source'], `${source} cannot be a bridge, whose name has at most 15 characters`)
  const written = [...(old ? hostForwards(field.source ?? '') : []), ...field.forwards]
  if (!user && written.length > 0) say([...path, 'forwards'], `only user networking forwards ports, and this interface is of type ${type}`)
  const forwards = written.flatMap((item) => readForward(item) ?? void say([...path, 'forwards'], `${JSON.stringify(item)} is no forward`, 'write HOST:GUEST, e.g. "8080:80", "127.0.0.1:5353:53/udp", or the guest\'s port alone')) .filter((item): item is Forward => item !== undefined)
  const ssh = forwards.some(({ guest, protocol }) => guest === 22 && protocol === 'tcp')
  return { type, source, mac, ...addressOf(field, path, say), gateway, forwards: user ? [...(ssh ? [] : [SSH]), ...forwards] : [], model }
}

const SOURCES: Readonly<Record<string, string>> = { network: "the network's name in libvirt", bridge: "the bridge's name on the hypervisor", vde: "a VDE address such as vxvde://234.0.0.1, or a switch's directory", user: '' }

function addressOf({ type, ip: written, prefix, mask }: InterfaceFields, path: ValuePath, say: Say): { ip: string | undefined; prefix: number | undefined } {
  const none = { ip: undefined, prefix: undefined }
  const loopback = written === 'localhost' || written?.startsWith('127.') === true
  if (type === 'user') {
    // The definitions of ansible_farm give such machines the address of their hypervisor.
    if (written !== undefined && !loopback) say([...path, 'ip'], 'an interface of type user gets its address from QEMU', 'leave ip out, or take a bridge, network or vde')
    return none
  }
  if (written === undefined) return none
  const [ip = '', inner] = written.split('/')
  if (written === 'localhost') say([...path, 'ip'], 'localhost is no address in a network')
  const lengths = [prefix, inner === undefined ? undefined : Number(inner), mask === undefined ? undefined : maskLength(mask)]
  const given = lengths.filter((length) => length !== undefined)
  if (mask !== undefined && lengths[2] === undefined) say([...path, 'mask'], `${mask} is no netmask`, 'write prefix: 24, or mask: 255.255.255.0')
  if (new Set(given).size > 1) say([...path, 'prefix'], `two different lengths of one network: ${given.join(' and ')}`)
  const [length] = given
  if (length !== undefined && length > (isIP(ip) === 6 ? 128 : 32)) say([...path, 'prefix'], `${length} is too long for ${ip}`)
  return { ip, prefix: length }
}

function maskLength(mask: string | number): number | undefined {
  if (/^\d{1,3}$/.test(String(mask))) return Number(mask)
  return ipaddr.isValid(String(mask)) ? (ipaddr.parse(String(mask)).prefixLengthFromSubnetMask() ?? undefined) : undefined
}

/** QEMU's own form: `hostfwd=tcp:127.0.0.1:8022-:22,hostfwd=…`. Each part is read by {@link readForward}. */
function hostForwards(source: string): string[] {
  return source.split(',').map((part) => part.trim()).filter(Boolean)
}

function readForward(written: ForwardFields): Forward | undefined {
  if (typeof written === 'number') return { ...SSH, guest: written }
  if (isMap(written)) return { protocol: written.protocol, address: written.address, host: written.host, guest: written.guest }
  if (typeof written !== 'string') return undefined
  const qemu = /^hostfwd=(tcp|udp)?:([^:]*):(\d+)-(?:[^:]*):(\d+)$/.exec(written)
  if (qemu) return checked(qemu[2] || '127.0.0.1', qemu[3], qemu[4], qemu[1] ?? 'tcp')
  const short = /^(?:(?:(\[[^\]]+\]|[^:]+):)?(\d+):)?(\d+)(?:\/(tcp|udp))?$/.exec(written.trim())
  return short ? checked(short[1]?.replace(/^\[|\]$/g, '') ?? '127.0.0.1', short[2], short[3], short[4] ?? 'tcp') : undefined
}

function checked(address: string, host: string | undefined, guest: string | undefined, protocol: string): Forward | undefined {
  const ports = [host === undefined ? undefined : Number(host), Number(guest)] as const
  if (isIP(address) === 0 || ports.some((port) => port !== undefined && (port < 1 || port > 65_535))) return undefined
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', address, host: ports[0], guest: ports[1] }
}

function checkForwards(all: readonly { readonly forward: Forward; readonly path: ValuePath }[], say: Say): void {
  const everywhere = (address: string): boolean => address === '0.0.0.0' || address === '::'
  for (const [index, { forward, path }] of all.entries()) {
    const before = all.slice(0, index).map((item) => item.forward)
    const taken = before.some((other) => other.host !== undefined && other.host === forward.host && other.protocol === forward.protocol && (other.address === forward.address || everywhere(other.address) || everywhere(forward.address)))
    if (taken) say(path, `port ${forward.host}/${forward.protocol} of the hypervisor is forwarded twice`)
    const ssh = before.some(({ guest, protocol }) => guest === 22 && protocol === 'tcp')
    if (ssh && forward.guest === 22 && forward.protocol === 'tcp') say(path, 'port 22 of the guest is forwarded twice, and there is only one way to SSH')
  }
}
