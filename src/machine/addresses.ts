/**
 * MAC addresses and forwarded ports: derived from a machine's name, so that they are the same wherever and whenever it is made,
 * and another one, again always the same, where somebody else has the derived one already.
 */
import { CapacityError, InputError } from '../errors.ts'
import type { Domain } from '../hypervisor/index.ts'
import { randomMac, randomPort } from '../vars/index.ts'
import type { Forward, InterfaceDefinition, MachineDefinition } from './definitions/types.ts'
import type { DomainForward } from './domain.ts'
import { usedForwards, usedMacs, usedNics, usedPorts } from './used-addresses.ts'

/** QEMU's own range of MAC addresses. */
const MAC_PREFIX = '52:54:00'

/** Forwarded ports lie from the first to before the second. */
const PORTS = [2201, 65_535] as const

/** Where another port is looked for: below and above what Linux gives to outgoing connections first, then there as well. */
const ALTERNATIVES = [[2201, 32_768], [61_000, 65_535], [32_768, 61_000]] as const

/** The words that an address is derived from: those of Ansible's definitions, whose addresses stay as they were. `part` tells several of a machine apart. */
function seed(name: string, part: string): string {
  return part === '' ? `VM ${name}` : `VM ${name} ${part}`
}

/** The MAC address that a name leads to. */
export function seededMac(name: string, part = ''): string {
  return randomMac(seed(name, part), MAC_PREFIX)
}

/** The port that a name leads to, from 2201 to 65534. */
export function seededPort(name: string, part = ''): number {
  return randomPort(seed(name, part), ...PORTS)
}

/** The MAC address of a name that nobody has: the seeded one, or the next of a fixed series. `taken`: in lower case. */
export function chooseMac(name: string, taken: ReadonlySet<string>, part = ''): string {
  let mac = seededMac(name, part)
  for (let turn = 2; taken.has(mac); turn += 1) mac = seededMac(name, `${part}#${turn}`)
  return mac
}

/**
 * The port of a name that nobody has: the seeded one, or the next above it, rather outside the range of outgoing connections.
 *
 * @throws CapacityError `no-free-port` when all are taken.
 */
export function choosePort(name: string, taken: ReadonlySet<number>, part = ''): number {
  const seeded = seededPort(name, part)
  if (!taken.has(seeded)) return seeded
  for (const [first, end] of ALTERNATIVES) {
    const port = nextFree({ first, count: end - first, start: seeded - PORTS[0] }, taken)
    if (port !== undefined) return port
  }
  throw new CapacityError('no-free-port', `there is no free port from ${PORTS[0]} to ${PORTS[1] - 1} for machine ${name}`)
}

/** The first free port of a range, looked for upwards from the `start`-th and around. */
export function nextFree({ first, count, start }: { readonly first: number; readonly count: number; readonly start: number }, taken: ReadonlySet<number>): number | undefined {
  for (let step = 0; step < count; step += 1) {
    const port = first + ((start + step) % count)
    if (!taken.has(port)) return port
  }
  return undefined
}

/** A machine's interface with all of its addresses. */
export interface AddressedInterface extends InterfaceDefinition {
  readonly mac: string
  readonly forwards: readonly DomainForward[]
}

/** What has addresses on a hypervisor already. */
export interface Occupied {
  /** Every domain there, whoever made it; among them those of the machines themselves. */
  readonly domains: readonly Pick<Domain, 'name' | 'document' | 'active'>[]
  /** Ports on which something listens. */
  readonly listening: ReadonlySet<number>
}

type Wanted = Pick<MachineDefinition, 'name' | 'interfaces'>

/**
 * Gives every machine of one hypervisor its MAC addresses and ports. What a definition says is taken; a machine that exists
 * keeps what it has, unless it is off and something else listens on its port by now; the others get theirs by name,
 * whatever the order of the machines.
 *
 * @returns the interfaces of each machine, by its name, in the order of its definition.
 * @throws InputError `address-collision` that names both sides of every collision of an address that a definition says.
 */
export function allocateAddresses(machines: readonly Wanted[], occupied: Occupied, host?: string): ReadonlyMap<string, readonly AddressedInterface[]> {
  const sorted = [...machines].sort((a, b) => (a.name < b.name ? -1 : 1))
  const problems = collisions(sorted, occupied)
  if (problems.length > 0) {
    throw new InputError('address-collision', problems.length === 1 ? (problems[0] ?? '') : `${problems.length} addresses are wanted twice:`, {
      host,
      details: problems.length === 1 ? [] : problems,
      hint: 'write another address, or none: farm then chooses one that is free',
    })
  }

  const own = new Map(occupied.domains.map((domain) => [domain.name, domain]))
  const kept = new Map(sorted.map(({ name, interfaces }) => [name, keep(interfaces, own.get(name), occupied.listening)]))
  const given = [...kept.values()].flat()
  const macs = new Set([...occupied.domains.flatMap(({ document }) => usedMacs(document)), ...given.flatMap(({ mac }) => mac ?? [])])
  const ports = new Set([...occupied.listening, ...occupied.domains.flatMap(({ document }) => usedPorts(document)), ...given.flatMap(({ forwards }) => forwards.flatMap(({ host: port }) => port ?? []))])
  const complete = (name: string, nic: InterfaceDefinition, index: number): AddressedInterface => {
    const mac = nic.mac ?? chooseMac(name, macs, index === 0 ? '' : String(index))
    macs.add(mac)
    const forwards = nic.forwards.map((forward) => {
      const port = forward.host ?? choosePort(name, ports, isSsh(forward) ? '' : `${forward.protocol} ${forward.guest}`)
      ports.add(port)
      return { ...forward, host: port }
    })
    return { ...nic, mac, forwards }
  }
  return new Map(sorted.map(({ name }) => [name, (kept.get(name) ?? []).map((nic, index) => complete(name, nic, index))]))
}

function isSsh({ protocol, guest }: Forward): boolean {
  return protocol === 'tcp' && guest === 22
}

/** Interfaces with the addresses that their machine has already, where the definition leaves them open. */
function keep(interfaces: readonly InterfaceDefinition[], domain: Occupied['domains'][number] | undefined, listening: ReadonlySet<number>): InterfaceDefinition[] {
  const nics = domain === undefined ? [] : usedNics(domain.document)
  const forwards = domain === undefined ? [] : usedForwards(domain.document)
  const said = new Set(interfaces.flatMap(({ mac }) => mac ?? []))
  const take = <T>(list: T[], matches: (item: T) => boolean): T | undefined => {
    const index = list.findIndex(matches)
    return index < 0 ? undefined : list.splice(index, 1)[0]
  }
  return interfaces.map((nic) => ({
    ...nic,
    mac: nic.mac ?? take(nics, ({ type, mac }) => type === nic.type && mac !== undefined && !said.has(mac))?.mac,
    forwards: nic.forwards.map((forward) => {
      const old = take(forwards, ({ protocol, guest }) => protocol === forward.protocol && guest === forward.guest)?.host
      const lost = old === undefined || (domain?.active === false && listening.has(old))
      return { ...forward, host: forward.host ?? (lost ? undefined : old) }
    }),
  }))
}

/** A forwarded port and whose it is. */
interface Claim extends DomainForward {
  readonly name: string
}

/** Addresses that definitions say and that somebody else has or wants too. */
function collisions(machines: readonly Wanted[], { domains, listening }: Occupied): string[] {
  const problems: string[] = []
  const macs = new Map<string, string>()
  const claims: Claim[] = []
  const others = (name: string): Occupied['domains'] => domains.filter((domain) => domain.name !== name)
  for (const { name, interfaces } of machines) {
    for (const { mac } of interfaces) {
      if (mac === undefined) continue
      const wanting = macs.get(mac)
      const having = others(name).find(({ document }) => usedMacs(document).includes(mac))?.name
      if (wanting !== undefined) problems.push(`the definitions of ${wanting} and ${name} both say the MAC address ${mac}`)
      else if (having !== undefined) problems.push(`the definition of ${name} says the MAC address ${mac}, which machine ${having} has`)
      macs.set(mac, name)
    }
    const mine = domains.find((domain) => domain.name === name)
    for (const { host, ...forward } of interfaces.flatMap(({ forwards }) => forwards)) {
      if (host === undefined) continue
      const claim = { ...forward, host, name }
      const port = `port ${host}/${forward.protocol}`
      const wanting = claims.find((other) => overlap(other, claim))
      const having = others(name).find(({ document }) => usedForwards(document).some((other) => overlap(other, claim)))
      const running = mine?.active === true && usedPorts(mine.document).includes(host)
      if (wanting !== undefined) problems.push(`the definitions of ${wanting.name} and ${name} both forward ${port} of the hypervisor`)
      else if (having !== undefined) problems.push(`the definition of ${name} forwards ${port} of the hypervisor, which machine ${having.name} has`)
      else if (forward.protocol === 'tcp' && listening.has(host) && !running) problems.push(`the definition of ${name} forwards ${port} of the hypervisor, on which another program listens`)
      claims.push(claim)
    }
  }
  return problems
}

const EVERYWHERE = ['0.0.0.0', '::']

function overlap(a: DomainForward, b: DomainForward): boolean {
  return a.host === b.host && a.protocol === b.protocol && (a.address === b.address || [a.address, b.address].some((address) => EVERYWHERE.includes(address)))
}
