/** Firewall rules as data, by iptables or nftables. firewall-rule.ts says what a rule is, firewall-plan.ts how rules are compared. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'
import { iptablesInput, nftInput, parseIptables, parseNft, planFirewall, type FirewallPlan, type Standing } from './firewall-plan.ts'
import { describeRule, familiesOf, ruleSchema, type Rule } from './firewall-rule.ts'
import { primitive } from './primitive.ts'
import { byKind, runScript } from './script.ts'

const schema = z
  .strictObject({
    rules: z.union([ruleSchema.transform((one) => [one]), z.array(ruleSchema)]).describe('a rule, or a list of them in the order in which they shall stand'),
    name: z.string().regex(/^[\w.-]{1,30}$/, 'letters, digits, _, - and ., at most 30').optional().describe('a name for these rules: rules that stand under it and are not among them are removed'),
    state: z.enum(['present', 'absent']).default('present'),
    position: z.enum(['first', 'last']).default('first').describe('where new rules go: before or after all others of their chain'),
    backend: z.enum(['auto', 'iptables', 'nftables']).default('auto').describe('auto: iptables where the host has it, else nftables'),
  })
  .refine(({ rules, name }) => rules.length > 0 || name !== undefined, { path: ['rules'], error: 'an empty list needs a name' })

/** `$1` is the backend. Prints `backend …`, `family ipv6` where there is ip6tables, and then what stands. */
const READ = `
has() { command -v "$1" >/dev/null 2>&1; }
backend=$1
if [ "$backend" = auto ]; then if has iptables-save; then backend=iptables; elif has nft; then backend=nftables; else backend=none; fi; fi
case $backend in
iptables) has iptables-save || { echo 'iptables is not installed' >&2; exit 1; }
  echo 'backend iptables'; if has ip6tables-save; then echo 'family ipv6'; fi
  echo '- ipv4'; iptables-save; echo '- ipv6'; if has ip6tables-save; then ip6tables-save; fi;;
nftables) has nft || { echo 'nft is not installed' >&2; exit 1; }
  # That the table is missing is told apart from not being allowed to look.
  echo 'backend nftables'; tables=$(nft list tables); echo '- nft'
  case "
$tables
" in *"
table inet farm
"*) nft -a list table inet farm;; esac;;
none) echo 'neither iptables nor nft is installed' >&2; exit 1;;
esac`

/** Firewall rules that stand or do not. */
export const firewall = primitive({
  name: 'firewall',
  description: 'Firewall rules, by iptables or nftables. They last until the host is started anew.',
  schema,
  async run({ host }, { rules, name: set = '', state, position, backend: chosen }) {
    const said = await runScript(host.query, host, READ, { what: 'read the firewall rules', args: [chosen], hint: (stderr) => (stderr.includes('installed') ? 'install the package iptables or nftables' : undefined) })
    const of = byKind(said)
    const backend = of('backend')[0] === 'nftables' ? 'nftables' : 'iptables'
    const part = (name: string): string => said.split(`\n- ${name}\n`)[1]?.split('\n- ')[0] ?? ''
    const nft = parseNft(part('nft'))
    const standing: Standing[] = backend === 'nftables' ? nft.rules : [...parseIptables(part('ipv4'), 'ipv4'), ...parseIptables(part('ipv6'), 'ipv6')]
    if (backend === 'iptables' && state === 'present' && of('family').length === 0) refuseIpv6(host, rules)
    const plan = planFirewall(rules, standing, { set, state, backend })
    if (plan.remove.length + plan.add.length === 0) return { changed: false }

    const { summary, before, after } = describePlan(plan, rules, standing)
    await host.change({ summary, diff: { title: `firewall (${backend})`, before, after } }, ($) => {
      if (backend === 'iptables') {
        const inputs = (['ipv4', 'ipv6'] as const).map((family) => iptablesInput(plan, family, set, position))
        const script = `if [ -n "$1" ]; then printf '%s' "$1" | iptables-restore -w --noflush; fi\nif [ -n "$2" ]; then printf '%s' "$2" | ip6tables-restore -w --noflush; fi`
        return runScript($, host, script, { what: summary, args: inputs })
      }
      const last = plan.add.length === 0 && nft.others === 0 && plan.remove.length === nft.rules.length
      return runScript($, host, 'nft -f -', { what: summary, input: nftInput(plan, set, position, last) })
    })
    return { changed: true }
  },
})

function refuseIpv6(host: Host, rules: readonly Rule[]): void {
  const rule = rules.find((one) => familiesOf(one).includes('ipv6'))
  if (rule === undefined) return
  throw new TaskError('firewall-ipv6', `there is no ip6tables on ${host.name} for the rule ${describeRule(rule)}`, { host: host.name, hint: 'install ip6tables, or set family: ipv4 for rules that are about IPv4 alone' })
}

/** What is going to be done, in words and as a diff: rules by what makes them different, not by where they stand. */
function describePlan({ remove, add }: FirewallPlan, wanted: readonly Rule[], standing: readonly Standing[]): { summary: string; before: string; after: string } {
  const added = [...new Set(add.flatMap(({ rules }) => rules.map(describeRule)))]
  const gone = [...new Set(remove.map(({ chain, mark }) => `${chain} ${mark}`))]
  const list = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('')
  const one = (texts: readonly string[], kind: string): string => (texts.length === 1 ? `the firewall rule ${texts[0]}` : `${texts.length} firewall rules${kind}`)
  const here = [...new Set(standing.map(({ chain, mark }) => `${chain} ${mark}`))]
  if (added.length === 0) return { summary: `remove ${gone.length === 1 && wanted.length === 1 && wanted[0] !== undefined ? `the firewall rule ${describeRule(wanted[0])}` : one(gone, '')}`, before: list(gone), after: '' }
  const verb = remove.length === 0 ? 'add' : 'replace'
  return { summary: `${verb} ${one(added, ` in ${[...new Set(add.map(({ chain }) => chain))].join(', ')}`)}`, before: list(here), after: list(added) }
}
