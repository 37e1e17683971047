/**
 * The forward and masquerade rules of a cluster. Each carries a comment `farm:<cluster>:<hash>`: the hash tells whether
 * a rule stands, the cluster whose it is, and so all of them are found again and removed, also after a crash.
 */
import { createHash } from 'node:crypto'
import type { Host } from '../host/index.ts'

/** One iptables rule without its `-A chain` and without its comment. */
export interface FirewallRule {
  readonly table: 'filter' | 'nat'
  readonly chain: string
  /** Arguments of iptables, e.g. `['-i', 'kvmbr0', '-o', 'eno1', '-j', 'ACCEPT']`. */
  readonly match: readonly string[]
}

interface StandingRule {
  readonly table: string
  /** The rule's arguments as iptables-save prints them, from the chain's name on. */
  readonly words: readonly string[]
  readonly comment: string
}

function commentOf(cluster: string, rule: FirewallRule): string {
  const hash = createHash('sha256').update(JSON.stringify([rule.table, rule.chain, rule.match])).digest('hex').slice(0, 12)
  return `farm:${cluster}:${hash}`
}

/** Splits a line of iptables-save into words, minding its double quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => (match[1] ?? match[2] ?? '').replace(/\\(.)/g, '$1'))
}

/** Reads the rules of farm out of what iptables-save prints. */
export function parseRules(saved: string, cluster: string): StandingRule[] {
  const rules: StandingRule[] = []
  let table = ''
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim()
    if (!line.startsWith('-A ')) continue
    const all = words(line)
    const comment = all[all.indexOf('--comment') + 1] ?? ''
    if (all.includes('--comment') && comment.startsWith(`farm:${cluster}:`)) rules.push({ table, words: all.slice(1), comment })
  }
  return rules
}

async function standing(host: Host, cluster: string): Promise<StandingRule[]> {
  const saved = await host.query({ nothrow: true })`command -v iptables-save >/dev/null || exit 0; iptables-save`
  return parseRules(saved.stdout, cluster)
}

/** Makes the cluster's rules exactly these: missing ones are put on top of their chain, superfluous ones removed. */
export async function ensureRules(host: Host, cluster: string, wanted: readonly FirewallRule[]): Promise<void> {
  const present = await standing(host, cluster)
  const comments = new Set(wanted.map((rule) => commentOf(cluster, rule)))
  const seen = new Set<string>()
  for (const rule of present) {
    if (comments.has(rule.comment) && !seen.has(rule.comment)) seen.add(rule.comment)
    else await removeRule(host, rule)
  }
  for (const rule of wanted) {
    const comment = commentOf(cluster, rule)
    if (seen.has(comment)) continue
    const insert = ['-w', '-t', rule.table, '-I', rule.chain, '1', ...rule.match.slice(0, -2), '-m', 'comment', '--comment', comment, ...rule.match.slice(-2)]
    await host.change({ summary: `add firewall rule ${rule.table}/${rule.chain} ${rule.match.join(' ')}` }, ($) => $`iptables ${insert}`)
  }
}

/** Removes every rule of the cluster. */
export async function removeRules(host: Host, cluster: string): Promise<void> {
  for (const rule of await standing(host, cluster)) await removeRule(host, rule)
}

async function removeRule(host: Host, rule: StandingRule): Promise<void> {
  const remove = ['-w', '-t', rule.table, '-D', ...rule.words]
  await host.change({ summary: `remove firewall rule ${rule.table}/${rule.words.filter((word) => word !== rule.comment && word !== '--comment').join(' ')}` }, ($) => $`iptables ${remove}`)
}
