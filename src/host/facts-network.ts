/** Addresses and routes: from `ip`, or from the kernel's own tables where there is no `ip`. */
import type { Answer } from './facts-parse.ts'
import type { Facts } from './facts.ts'

type Address = Facts['addresses'][number]

/** Every address of every interface. */
export function parseAddresses(answer: Answer): Address[] {
  const mac = (name: string): string | undefined => {
    const text = (answer.file(`/sys/class/net/${name}/address`)[0] ?? '').trim()
    return /^(?:[0-9a-f]{2}:){5,}[0-9a-f]{2}$/.test(text) && !/^[0:]+$/.test(text) ? text : undefined
  }
  const found: Address[] = []
  for (const line of answer.lines) {
    // `2: eth0    inet 192.0.2.2/24 brd …`; the far end of a tunnel is written `inet 10.0.0.1 peer 10.0.0.2/32`.
    const [, name = '', kind = '', address = '', own, peer] = /^\d+:\s+([^\s:@]+)\S*\s+(inet6?)\s+([^\s/]+)(?:\/(\d+))?(?:\s+peer\s+\S+\/(\d+))?/.exec(line) ?? []
    if (name === '') continue
    const family = kind === 'inet' ? 'ipv4' : 'ipv6'
    found.push({ interface: name, family, address, prefix: Number(own ?? peer ?? (family === 'ipv4' ? 32 : 128)), mac: mac(name) })
  }
  if (found.length > 0) return found
  const bare = [...ipv4FromTables(answer), ...ipv6FromTables(answer)]
  return bare.map(([name, family, address, prefix]) => ({ interface: name, family, address, prefix, mac: mac(name) }))
}

type Bare = readonly [name: string, family: 'ipv4' | 'ipv6', address: string, prefix: number]

/** Addresses are the `host LOCAL` leaves of fib_trie; the network that one lies in, and its interface, are in the table of routes. */
function ipv4FromTables(answer: Answer): Bare[] {
  const networks = routes(answer).filter(({ gateway, mask }) => gateway === '0.0.0.0' && mask !== 0)
  const addresses = new Set<string>()
  let leaf = ''
  for (const line of answer.file('/proc/net/fib_trie')) {
    leaf = /\|-- (\S+)/.exec(line)?.[1] ?? leaf
    if (/\/32 host LOCAL/.test(line)) addresses.add(leaf)
  }
  return [...addresses].flatMap((address): Bare[] => {
    const at = number(address)
    if (at >>> 24 === 127) return [['lo', 'ipv4', address, 8]]
    const home = networks.filter(({ to, mask }) => (at & mask) >>> 0 === to).sort((one, other) => other.mask - one.mask)[0]
    return home === undefined ? [] : [[home.name, 'ipv4', address, home.mask.toString(2).replaceAll('0', '').length]]
  })
}

/** `fd00…0002 04 40 00 80 eth0`: the address, and in base 16 the interface's number, the prefix length, the scope and flags. */
function ipv6FromTables(answer: Answer): Bare[] {
  return answer.file('/proc/net/if_inet6').flatMap((line): Bare[] => {
    const [digits = '', , prefix = '', , , name = ''] = line.trim().split(/\s+/)
    return name === '' ? [] : [[name, 'ipv6', shorten(digits), Number.parseInt(prefix, 16)]]
  })
}

/** The IPv4 default route, or the IPv6 one where there is no other. */
export function parseDefaultRoute(answer: Answer): Facts['defaultRoute'] {
  for (const line of answer.lines) {
    const name = /^default\b.*?\bdev (\S+)/.exec(line)?.[1]
    if (name !== undefined) return { interface: name, gateway: /\bvia (?:inet6 )?(\S+)/.exec(line)?.[1] }
  }
  const first = routes(answer).find(({ to, mask }) => to === 0 && mask === 0)
  if (first !== undefined) return { interface: first.name, gateway: first.gateway === '0.0.0.0' ? undefined : first.gateway }
  for (const line of answer.file('/proc/net/ipv6_route')) {
    const [to = '', prefix, , , gateway = '', , , , , name = ''] = line.trim().split(/\s+/)
    // The kernel also lists routes that refuse, which lead to lo.
    if (/^0+$/.test(to) && prefix === '00' && name !== 'lo') return { interface: name, gateway: /^0+$/.test(gateway) ? undefined : shorten(gateway) }
  }
  return undefined
}

interface Route {
  readonly name: string
  readonly to: number
  readonly gateway: string
  readonly mask: number
}

/** /proc/net/route has its numbers in base 16, in the order of bytes of the machine. */
function routes(answer: Answer): Route[] {
  const [, ...lines] = answer.file('/proc/net/route')
  const big = /^(?:s390x?|ppc64|ppc|mips|mips64|sparc64)$/.test(answer.one('uname').split(' ').at(-1) ?? '')
  const bytes = (text: string): number[] => (big ? (list: number[]) => list : (list: number[]) => list.reverse())((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)))
  return lines.flatMap((line): Route[] => {
    const [name = '', to = '', gateway = '', , , , , mask = ''] = line.split(/\s+/)
    return mask === '' ? [] : [{ name, to: number(bytes(to).join('.')), gateway: bytes(gateway).join('.'), mask: number(bytes(mask).join('.')) }]
  })
}

function number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0
}

/** 32 digits of base 16 as RFC 5952 writes an address: no leading zeros, and `::` for the longest run of two or more. */
function shorten(digits: string): string {
  const groups = (digits.match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, ''))
  const runs = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((one, other) => other[0].length - one[0].length)
  const text = groups.join(':')
  const [run] = runs
  if (run === undefined) return text
  return `${text.slice(0, run.index)}::${text.slice(run.index + run[0].length + 1)}`
}
