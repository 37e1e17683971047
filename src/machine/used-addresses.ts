/** The MAC addresses and ports that a domain's document lays claim to, whoever wrote it: by libvirt's elements and by arguments of QEMU. */
import type { Forward } from './definitions/types.ts'
import { find, findAll, type Element } from '../hypervisor/xml.ts'
import type { DomainForward } from './domain.ts'

/** A network interface as a document has it. */
export interface UsedNic {
  /** libvirt's own type, or QEMU's for one among its arguments. */
  readonly type: string
  /** Undefined where it was left to libvirt or QEMU. */
  readonly mac: string | undefined
}

const MAC = /\bmac(?:addr)?"?\s*[=:]\s*"?([0-9a-f]{2}(?::[0-9a-f]{2}){5})/i

/** The interfaces of a document: those that libvirt knows, then those among QEMU's arguments. */
export function usedNics(document: Element): UsedNic[] {
  const native = findAll(find(document, 'devices'), 'interface').map((nic) => ({ type: nic.attributes['type'] ?? '', mac: find(nic, 'mac')?.attributes['address']?.toLowerCase() }))
  const words = argumentsOf(document)
  const backends = new Map(words.flatMap((word) => {
    const id = /\bid"?\s*[=:]\s*"?([^,"]+)/.exec(word)?.[1]
    return id === undefined ? [] : [[id, /^(?:type=|\{.*"type"\s*:\s*")?(\w+)/.exec(word)?.[1] ?? '']]
  }))
  const byQemu = words.flatMap((word) => {
    const mac = MAC.exec(word)?.[1]?.toLowerCase()
    const netdev = /\bnetdev"?\s*[=:]\s*"?([^,"]+)/.exec(word)?.[1]
    return mac === undefined ? [] : [{ type: (netdev === undefined ? /^\w+/.exec(word)?.[0] : backends.get(netdev)) ?? '', mac }]
  })
  return [...native, ...byQemu]
}

/** The MAC addresses of a document, in lower case. */
export function usedMacs(document: Element): string[] {
  return usedNics(document).flatMap(({ mac }) => mac ?? [])
}

/** The ports that lead into a guest. A range counts port by port. */
export function usedForwards(document: Element): DomainForward[] {
  const native = findAll(find(document, 'devices'), 'interface').flatMap((nic) => findAll(nic, 'portForward')).flatMap((forward) => {
    const { proto = 'tcp', address = '0.0.0.0' } = forward.attributes
    return findAll(forward, 'range').filter((range) => range.attributes['exclude'] !== 'yes').flatMap((range) => {
      const start = Number(range.attributes['start'])
      const count = Number(range.attributes['end'] ?? start) - start + 1
      const to = Number(range.attributes['to'] ?? start)
      return Number.isSafeInteger(count) && count > 0 && count <= 65_536 ? Array.from({ length: count }, (_, step) => ({ protocol: protocolOf(proto), address, host: start + step, guest: to + step })) : []
    })
  })
  const byQemu = argumentsOf(document).flatMap((word) => [...word.matchAll(/(?:hostfwd=|"str"\s*:\s*")(tcp|udp)?:([^:,]*):(\d+)-[^:,"]*:(\d+)/g)]).map(([, protocol, address, host, guest]) => ({
    protocol: protocolOf(protocol),
    address: address || '0.0.0.0',
    host: Number(host),
    guest: Number(guest),
  }))
  return [...native, ...byQemu]
}

/** Every port of the hypervisor that a domain listens on when it runs: forwarded ones, those of consoles and screens. */
export function usedPorts(document: Element): number[] {
  const devices = find(document, 'devices')
  const screens = findAll(devices, 'graphics').flatMap(({ attributes }) => [attributes['port'], attributes['tlsPort'], attributes['websocket']])
  const servers = (devices?.children ?? []).flatMap((device) => findAll(device, 'source')).filter(({ attributes }) => attributes['mode'] === 'bind').map(({ attributes }) => attributes['service'])
  const others = [...screens, ...servers].map(Number).filter((port) => port > 0)
  return [...new Set([...usedForwards(document).map(({ host }) => host), ...others])]
}

function argumentsOf(document: Element): string[] {
  return findAll(find(document, 'qemu:commandline'), 'qemu:arg').map(({ attributes }) => attributes['value'] ?? '')
}

function protocolOf(name: string | undefined): Forward['protocol'] {
  return name === 'udp' ? 'udp' : 'tcp'
}
