/** Which firewall rules stand, and what has to be done so that the wanted ones do. Pure functions. */
import { CHAINS, familiesOf, iptablesArguments, MARK, markOf, nftStatement, type ChainName, type Family, type Rule } from './firewall-rule.ts'

/** A rule of farm's that stands on the host. */
export interface Standing {
  readonly family: Family | 'both'
  readonly chain: ChainName
  /** Its comment, which says which rule it is. */
  readonly mark: string
  /** What removes it: a line of iptables-save without `-A `, or the handle of nftables. */
  readonly removal: string
}

/** What is to be done: whole lists, since the order of rules matters. */
export interface FirewallPlan {
  readonly remove: readonly Standing[]
  /** For each family and chain the rules to put there, in order. */
  readonly add: readonly { readonly family: Family | 'both'; readonly chain: ChainName; readonly rules: readonly Rule[] }[]
}

/** Reads farm's rules out of what iptables-save prints. */
export function parseIptables(saved: string, family: Family): Standing[] {
  const rules: Standing[] = []
  let table = ''
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim()
    const [, chain, rest = ''] = /^-A (\S+)(.*)$/.exec(line) ?? []
    const [, quoted, plain] = / --comment (?:"([^"]*)"|(\S+))/.exec(rest) ?? []
    const mark = quoted ?? plain ?? ''
    const name = (Object.keys(CHAINS) as ChainName[]).find((key) => CHAINS[key].table === table && CHAINS[key].chain === chain)
    if (name !== undefined && mark.startsWith(MARK)) rules.push({ family, chain: name, mark, removal: line.slice('-A '.length) })
  }
  return rules
}

/** Reads farm's rules out of what `nft -a list table inet farm` prints; `others` counts rules that somebody else put there. */
export function parseNft(listed: string): { readonly rules: Standing[]; readonly others: number } {
  const rules: Standing[] = []
  let chain = ''
  let others = 0
  for (const line of listed.split('\n')) {
    chain = /^\s*chain (\S+) \{/.exec(line)?.[1] ?? chain
    const [, handle] = /# handle (\d+)$/.exec(line.trimEnd()) ?? []
    if (handle === undefined || /^\s*(?:table|chain) /.test(line)) continue
    const mark = / comment "([^"]*)"/.exec(line)?.[1] ?? ''
    if (mark.startsWith(MARK) && chain in CHAINS) rules.push({ family: 'both', chain: chain as ChainName, mark, removal: handle })
    else others += 1
  }
  return { rules, others }
}

/**
 * Compares. In a chain where the wanted rules do not stand all, and in their order, they are taken out and put in again together.
 * A set with a name has no other rules than the wanted ones.
 */
export function planFirewall(wanted: readonly Rule[], standing: readonly Standing[], { set, state, backend }: { set: string; state: 'present' | 'absent'; backend: 'iptables' | 'nftables' }): FirewallPlan {
  const spots: (readonly [Family | 'both', ChainName])[] = (backend === 'nftables' ? ['both'] : ['ipv4', 'ipv6'] as const).flatMap((family) => (Object.keys(CHAINS) as ChainName[]).map((chain) => [family as Family | 'both', chain] as const))
  const remove: Standing[] = []
  const add: FirewallPlan['add'][number][] = []
  for (const [family, chain] of spots) {
    const here = wanted.filter((rule) => rule.chain === chain && (family === 'both' || familiesOf(rule).includes(family)))
    const rules = [...new Map(here.map((rule) => [markOf(set, rule), rule])).entries()]
    const marks = new Set(rules.map(([mark]) => mark))
    const present = standing.filter((one) => one.family === family && one.chain === chain)
    const ours = present.filter(({ mark }) => marks.has(mark))
    const others = set === '' ? [] : present.filter(({ mark }) => mark.startsWith(`${MARK}${set}:`) && !marks.has(mark))
    remove.push(...others)
    if (state === 'absent') remove.push(...ours)
    else if (ours.map(({ mark }) => mark).join('\n') !== [...marks].join('\n')) {
      remove.push(...ours)
      add.push({ family, chain, rules: rules.map(([, rule]) => rule) })
    }
  }
  return { remove, add }
}

/** Input of `iptables-restore --noflush`, which does all of a table or nothing; '' when the plan has nothing for the family. */
export function iptablesInput({ remove, add }: FirewallPlan, family: Family, set: string, position: 'first' | 'last'): string {
  const tables = ['filter', 'nat'].map((table) => {
    const lines = remove.filter((one) => one.family === family && CHAINS[one.chain].table === table).map(({ removal }) => `-D ${removal}`)
    for (const { chain, rules } of add.filter((one) => one.family === family && CHAINS[one.chain].table === table)) {
      lines.push(...rules.map((rule, index) => `${position === 'first' ? `-I ${CHAINS[chain].chain} ${index + 1}` : `-A ${CHAINS[chain].chain}`} ${iptablesArguments(rule, markOf(set, rule)).map(word).join(' ')}`))
    }
    return lines.length === 0 ? '' : `*${table}\n${lines.join('\n')}\nCOMMIT\n`
  })
  return tables.join('')
}

const word = (text: string): string => (/^[\w!.,:/+*[\]@-]+$/.test(text) ? text : `"${text}"`)

/** Input of `nft -f -`, which does all or nothing. `last`: nothing is left in the table then, so it goes, too. */
export function nftInput({ remove, add }: FirewallPlan, set: string, position: 'first' | 'last', last: boolean): string {
  if (last) return 'delete table inet farm\n'
  const lines = remove.map(({ chain, removal }) => `delete rule inet farm ${chain} handle ${removal}`)
  if (add.length > 0) lines.push('add table inet farm')
  for (const { chain, rules } of add) {
    const { table, hook, priority } = CHAINS[chain]
    lines.push(`add chain inet farm ${chain} { type ${table} hook ${hook} priority ${priority}; policy accept; }`)
    const statements = rules.map((rule) => `rule inet farm ${chain} ${nftStatement(rule, markOf(set, rule))}`)
    lines.push(...(position === 'first' ? statements.toReversed().map((line) => `insert ${line}`) : statements.map((line) => `add ${line}`)))
  }
  return `${lines.join('\n')}\n`
}
