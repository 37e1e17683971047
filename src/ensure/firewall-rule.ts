/** One firewall rule as data, and the same for iptables and for nftables. Pure functions. */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from 'zod'

export type Family = 'ipv4' | 'ipv6'

/** Chains, with the table and chain of iptables, and the hook and priority of nftables. */
export const CHAINS = {
  input: { table: 'filter', chain: 'INPUT', hook: 'input', priority: 0 },
  forward: { table: 'filter', chain: 'FORWARD', hook: 'forward', priority: 0 },
  output: { table: 'filter', chain: 'OUTPUT', hook: 'output', priority: 0 },
  'nat-prerouting': { table: 'nat', chain: 'PREROUTING', hook: 'prerouting', priority: -100 },
  'nat-postrouting': { table: 'nat', chain: 'POSTROUTING', hook: 'postrouting', priority: 100 },
} as const

export type ChainName = keyof typeof CHAINS

const address = z.string().refine((text) => {
  const [, ip = '', prefix] = /^!?\s*([^/]+)(?:\/(\d+))?$/.exec(text) ?? []
  const version = isIP(ip)
  return version !== 0 && (prefix === undefined || Number(prefix) <= (version === 4 ? 32 : 128))
}, 'not an address or network, e.g. 10.0.0.0/8 or fd00::/64; ! before it means any other').transform((text) => text.replace(/\s/g, ''))

const networkInterface = z.string().regex(/^!?[\w.@:-]{1,15}\*?$/, "not the name of an interface; * at its end stands for any, ! before it means any other")

const port = z.union([z.number(), z.string()]).transform((value, context): string => {
  const [, first, last = first] = /^(\d+)(?:[-:](\d+))?$/.exec(String(value)) ?? []
  if (first === undefined || Number(last) > 65_535 || Number(first) > Number(last) || Number(first) === 0) context.addIssue(`${String(value)} is not a port or a range of ports, e.g. 22 or 8000-8010`)
  return first === last ? String(first) : `${first}-${last}`
})
const ports = z.union([port, z.array(port).min(1).max(7, 'more than 7 do not fit into one rule')]).transform((value) => [value].flat())

const fields = z.strictObject({
  chain: z.enum(['input', 'forward', 'output', 'nat-prerouting', 'nat-postrouting']),
  action: z.enum(['accept', 'drop', 'reject', 'masquerade', 'dnat', 'snat']),
  to: z.string().regex(/^(\d+\.){3}\d+(:\d+(-\d+)?)?$|^\[?[\da-fA-F:]+\]?(:\d+(-\d+)?)?$/, 'not an address with or without a port, e.g. 10.0.0.5:80').optional().describe('for dnat and snat: the new address, with or without a port'),
  protocol: z.enum(['tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'esp', 'ah', 'gre']).optional(),
  port: ports.optional().describe('destination port, range (8000-8010), or a list of them'),
  sourcePort: ports.optional(),
  source: address.optional().describe('address or network; ! before it means any other'),
  destination: address.optional(),
  inInterface: networkInterface.optional().describe('eth0, or eth* for all that begin so'),
  outInterface: networkInterface.optional(),
  connection: z.array(z.enum(['new', 'established', 'related', 'invalid'])).min(1).optional().describe('states of the connection'),
  family: z.enum(['ipv4', 'ipv6']).optional().describe('as the addresses say; else both, and IPv4 alone in the nat chains'),
  comment: z.string().regex(/^[^"'\\\p{Cc}]{1,80}$/u, 'at most 80 characters, without quotes and backslashes').optional().describe('shown with the rule; part of what it is'),
})

export type Rule = z.output<typeof fields>

/** Whether the action may stand in the chain. */
function belongs({ action, chain }: Rule): boolean {
  if (action === 'masquerade' || action === 'snat') return chain === 'nat-postrouting'
  if (action === 'dnat') return chain === 'nat-prerouting'
  return action === 'accept' || !chain.startsWith('nat-')
}

/** A rule. */
export const ruleSchema = fields
  .refine(({ port: to, sourcePort, protocol }) => (to === undefined && sourcePort === undefined) || ['tcp', 'udp', 'sctp'].includes(protocol ?? ''), { path: ['port'], error: 'needs protocol tcp, udp or sctp' })
  .refine(({ action, to }) => (to !== undefined) === (action === 'dnat' || action === 'snat'), { path: ['to'], error: 'is needed for dnat and snat, and for nothing else' })
  .refine(belongs, {
    path: ['action'],
    error: 'does not go with this chain: masquerade and snat belong into nat-postrouting, dnat into nat-prerouting, drop and reject into none of the two',
  })
  .refine(({ inInterface, chain }) => inInterface === undefined || !/^output$|postrouting/.test(chain), { path: ['inInterface'], error: 'does not exist any more in this chain' })
  .refine(({ outInterface, chain }) => outInterface === undefined || !/^input$|prerouting/.test(chain), { path: ['outInterface'], error: 'is not known yet in this chain' })
  .refine((rule) => familiesOf(rule).length > 0, 'IPv4 and IPv6 in one rule')

/** The families that a rule is for. */
export function familiesOf({ source, destination, to, protocol, family, chain }: Pick<Rule, 'source' | 'destination' | 'to' | 'protocol' | 'family' | 'chain'>): Family[] {
  const named = [source, destination, to?.startsWith('[') ? to : to?.replace(/^([\d.]+):.*/, '$1')].filter((text) => text !== undefined).map((text): Family => (text.includes(':') ? 'ipv6' : 'ipv4'))
  if (family !== undefined) named.push(family)
  if (protocol === 'icmp') named.push('ipv4')
  if (protocol === 'icmpv6') named.push('ipv6')
  const [first] = named
  if (first !== undefined) return named.every((one) => one === first) ? [first] : []
  return chain.startsWith('nat-') ? ['ipv4'] : ['ipv4', 'ipv6']
}

/** The comment that a rule carries, and by which it is known again: farm's mark, the name of its set, what it is, what the user says about it. */
export function markOf(set: string, rule: Rule): string {
  const { comment, ...rest } = rule
  const hash = createHash('sha256').update(JSON.stringify(Object.entries({ ...rest, comment: comment ?? '' }).toSorted())).digest('hex').slice(0, 12)
  return `${MARK}${set}:${hash}${comment === undefined ? '' : ` ${comment}`}`
}

/** How the comments of all these rules begin. */
export const MARK = 'farm-rule:'

/** Arguments of iptables or ip6tables that say the same, from the matches to the target. */
export function iptablesArguments(rule: Rule, mark: string): string[] {
  const not = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : value.startsWith('!') ? ['!', flag, value.slice(1)] : [flag, value])
  const wild = (name: string | undefined): string | undefined => name?.replace(/\*$/, '+')
  const colon = (list: readonly string[]): string => list.map((one) => one.replace('-', ':')).join(',')
  const multi = (list: readonly string[] | undefined, flag: string): string[] => (list === undefined ? [] : list.length === 1 ? [`--${flag}port`, colon(list)] : ['-m', 'multiport', `--${flag}ports`, colon(list)])
  const reject = rule.protocol === 'tcp' ? ['--reject-with', 'tcp-reset'] : []
  const target = { accept: ['ACCEPT'], drop: ['DROP'], reject: ['REJECT', ...reject], masquerade: ['MASQUERADE'], dnat: ['DNAT', '--to-destination', rule.to ?? ''], snat: ['SNAT', '--to-source', rule.to ?? ''] }[rule.action]
  return [
    ...not('-s', rule.source), ...not('-d', rule.destination), ...not('-i', wild(rule.inInterface)), ...not('-o', wild(rule.outInterface)),
    ...(rule.protocol === undefined ? [] : ['-p', rule.protocol === 'icmpv6' ? 'ipv6-icmp' : rule.protocol]),
    ...multi(rule.sourcePort, 's'), ...multi(rule.port, 'd'),
    ...(rule.connection === undefined ? [] : ['-m', 'conntrack', '--ctstate', rule.connection.join(',').toUpperCase()]),
    '-m', 'comment', '--comment', mark, '-j', ...target,
  ]
}

/** The statement of nftables that says the same. */
export function nftStatement(rule: Rule, mark: string): string {
  const families = familiesOf(rule)
  const ip = families[0] === 'ipv6' ? 'ip6' : 'ip'
  const not = (left: string, value: string | undefined, quote = ''): string[] => (value === undefined ? [] : [`${left} ${value.startsWith('!') ? '!= ' : ''}${quote}${value.replace(/^!/, '')}${quote}`])
  const set = (list: readonly string[]): string => (list.length === 1 ? (list[0] ?? '') : `{ ${list.join(', ')} }`)
  const protocol = rule.protocol === 'icmpv6' ? 'ipv6-icmp' : rule.protocol
  const addressed = rule.source !== undefined || rule.destination !== undefined
  const action = { accept: 'accept', drop: 'drop', reject: rule.protocol === 'tcp' ? 'reject with tcp reset' : 'reject', masquerade: 'masquerade', dnat: `dnat ${ip} to ${rule.to}`, snat: `snat ${ip} to ${rule.to}` }[rule.action]
  return [
    ...(families.length === 1 && !addressed ? [`meta nfproto ${families[0]}`] : []),
    ...not('iifname', rule.inInterface, '"'), ...not('oifname', rule.outInterface, '"'), ...not(`${ip} saddr`, rule.source), ...not(`${ip} daddr`, rule.destination),
    ...(protocol === undefined || rule.port !== undefined || rule.sourcePort !== undefined ? [] : [`meta l4proto ${protocol}`]),
    ...(rule.sourcePort === undefined ? [] : [`${protocol} sport ${set(rule.sourcePort)}`]), ...(rule.port === undefined ? [] : [`${protocol} dport ${set(rule.port)}`]),
    ...(rule.connection === undefined ? [] : [`ct state ${rule.connection.join(',')}`]),
    action, `comment "${mark}"`,
  ].join(' ')
}

/** For people: `input tcp 22 from 10.0.0.0/8: accept`. */
export function describeRule(rule: Rule): string {
  const words = [rule.chain, rule.family, rule.protocol, rule.port?.join(','), rule.sourcePort && `source port ${rule.sourcePort.join(',')}`, rule.connection?.join(','), rule.source && `from ${rule.source}`, rule.destination && `to ${rule.destination}`, rule.inInterface && `in by ${rule.inInterface}`, rule.outInterface && `out by ${rule.outInterface}`]
  return `${words.filter((word) => word !== undefined && word !== '').join(' ')}: ${rule.action}${rule.to === undefined ? '' : ` to ${rule.to}`}`
}
