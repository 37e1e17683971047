import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parseIptables, parseNft } from '../../../src/ensure/firewall-plan.ts'
import { explainIssues } from '../../../src/ensure/issues.ts'
import { describeRule, ruleSchema } from '../../../src/ensure/firewall-rule.ts'
import type { z } from 'zod'
import { Sandbox } from './sandbox.ts'

type RuleInput = z.input<typeof ruleSchema>

const SSH: RuleInput = { chain: 'input', protocol: 'tcp', port: 22, source: '10.0.0.0/8', action: 'accept', comment: 'ssh from inside' }
const WEB: RuleInput = { chain: 'input', protocol: 'tcp', port: [80, '8000-8010'], inInterface: 'eth*', connection: ['new', 'established'], action: 'accept' }
const DROP: RuleInput = { chain: 'input', action: 'drop' }
const NAT: RuleInput = { chain: 'nat-postrouting', source: '172.17.2.0/24', destination: '!172.17.0.0/16', outInterface: 'lo', action: 'masquerade' }
const DNAT: RuleInput = { chain: 'nat-prerouting', protocol: 'tcp', port: 8080, action: 'dnat', to: '10.1.2.3:80' }
const V6: RuleInput = { chain: 'forward', source: 'fd00::/64', protocol: 'icmpv6', action: 'reject' }

for (const backend of ['iptables', 'nftables'] as const) {
  describe(`rules by ${backend}`, () => {
    let box: Sandbox
    before(async () => void (box = await Sandbox.create()))
    after(() => box[Symbol.asyncDispose]())
    const standing = (): string => (backend === 'iptables' ? box.sh('iptables-save; ip6tables-save') : box.sh('nft list ruleset'))

    test('all kinds of rules are taken by the kernel, are found again, and go without a trace', async () => {
      const rules: RuleInput[] = [SSH, WEB, DROP, NAT, DNAT, V6, { chain: 'nat-postrouting', action: 'snat', to: '192.0.2.1', outInterface: '!lo' }, { chain: 'output', protocol: 'udp', sourcePort: [53, 67], action: 'reject' }, { chain: 'input', protocol: 'icmp', action: 'accept' }, { chain: 'forward', protocol: 'tcp', action: 'reject' }]
      const { ensure, changes, started } = box.bind()
      const before = standing().replace(/^#.*\n/gm, '')
      assert.deepEqual(await ensure.firewall({ rules, backend }), { changed: true })
      assert.equal(started(), 2)
      assert.deepEqual(await ensure.firewall({ rules, backend }), { changed: false })
      assert.match(standing(), /ssh from inside/)
      assert.deepEqual(await ensure.firewall({ rules, backend, state: 'absent' }), { changed: true })
      assert.deepEqual(await ensure.firewall({ rules, backend, state: 'absent' }), { changed: false })
      assert.ok(!standing().includes('farm'), standing())
      if (backend === 'nftables') assert.equal(standing(), before)
      assert.deepEqual(changes.map(({ summary }) => summary), ['add 10 firewall rules in input, forward, output, nat-prerouting, nat-postrouting', `remove ${10} firewall rules`])
    })

    test('rules stand in the order of the list, also when one of them was there before', async () => {
      const { ensure, changes } = box.bind()
      const order = (): string[] => [...(backend === 'iptables' ? box.sh('iptables-save') : standing()).matchAll(/(ssh from inside|\bdrop\b|8000)/gi)].map(([text]) => text.toLowerCase())
      await ensure.firewall({ rules: SSH, backend })
      await ensure.firewall({ rules: [WEB, SSH, DROP], backend })
      // A rule's comment stands before the target in iptables and after it in nftables; no other word is looked for.
      assert.deepEqual(order(), ['8000', 'ssh from inside', 'drop'])
      await ensure.firewall({ rules: [WEB, SSH, DROP], backend, state: 'absent' })
      assert.deepEqual(order(), [])
      assert.deepEqual(changes.slice(0, 2).map(({ summary }) => summary), ['add the firewall rule input tcp 22 from 10.0.0.0/8: accept', 'replace 3 firewall rules in input'])
    })

    test('a set with a name loses what is no longer in it, and leaves the rules of others alone', async () => {
      const { ensure } = box.bind()
      await ensure.firewall({ rules: DROP, backend })
      await ensure.firewall({ name: 'web', rules: [SSH, WEB], backend })
      assert.deepEqual(await ensure.firewall({ name: 'web', rules: [WEB], backend }), { changed: true })
      assert.ok(!standing().includes('ssh from inside'))
      assert.match(standing(), /farm-rule:web:/)
      await ensure.firewall({ name: 'web', rules: [], backend })
      assert.ok(!standing().includes('farm-rule:web:'))
      assert.match(standing(), /farm-rule::/)
      await ensure.firewall({ rules: DROP, backend, state: 'absent' })
    })

    test('new rules go before the others of their chain, or after them when told', async () => {
      const { ensure } = box.bind()
      await ensure.firewall({ rules: WEB, backend })
      await ensure.firewall({ rules: SSH, backend })
      await ensure.firewall({ rules: { ...SSH, comment: 'the end' }, position: 'last', backend })
      const text = backend === 'iptables' ? box.sh('iptables-save') : standing()
      const at = ['ssh from inside', '8000', 'the end'].map((mark) => text.indexOf(mark))
      assert.deepEqual(at, at.toSorted((one, other) => one - other))
      await ensure.firewall({ rules: [WEB, SSH, { ...SSH, comment: 'the end' }], backend, state: 'absent' })
    })

    test('in check mode nothing changes, and the change is announced', async () => {
      const { ensure, changes } = box.bind({ check: true })
      assert.deepEqual(await ensure.firewall({ rules: [NAT], backend }), { changed: true })
      assert.deepEqual(changes.map(({ summary, applied, diff }) => [summary, applied, diff?.after]), [
        ['add the firewall rule nat-postrouting from 172.17.2.0/24 to !172.17.0.0/16 out by lo: masquerade', false, 'nat-postrouting from 172.17.2.0/24 to !172.17.0.0/16 out by lo: masquerade\n'],
      ])
      assert.ok(!standing().includes('farm'))
    })
  })
}

test('the backend is iptables where the host has it, else nftables, else an error that says what to install', async () => {
  await using box = await Sandbox.create()
  const { ensure } = box.bind()
  await ensure.firewall({ rules: DROP })
  assert.match(box.sh('iptables-save'), /farm-rule/)
  assert.match(box.sh('ip6tables-save'), /farm-rule/)
  box.sh('rm -f /usr/sbin/ip6tables*')
  await assert.rejects(ensure.firewall({ rules: DROP }), { code: 'firewall-ipv6', hint: /family: ipv4/ })
  assert.deepEqual(await ensure.firewall({ rules: { ...DROP, family: 'ipv4' } }), { changed: true })
  box.sh('rm -f /usr/sbin/iptables*')
  assert.deepEqual(await ensure.firewall({ rules: DROP }), { changed: true })
  assert.match(box.sh('nft list table inet farm'), /hook input priority filter; policy accept;\n\s+drop comment "farm-rule:/)
  box.sh('rm -f /usr/sbin/nft')
  await assert.rejects(ensure.firewall({ rules: DROP }), { message: 'cannot read the firewall rules: neither iptables nor nft is installed', hint: 'install the package iptables or nftables' })
})

test('a rule that somebody put into the table of farm keeps the table alive', async () => {
  await using box = await Sandbox.create()
  const { ensure } = box.bind()
  await ensure.firewall({ rules: DROP, backend: 'nftables' })
  box.sh('nft add rule inet farm input tcp dport 99 accept')
  await ensure.firewall({ rules: DROP, backend: 'nftables', state: 'absent' })
  assert.match(box.sh('nft list table inet farm'), /dport 99 accept/)
})

test('a rule that cannot be is refused with the reason', () => {
  const why = (rule: Record<string, unknown>): string => {
    const { error } = ruleSchema.safeParse({ chain: 'input', action: 'accept', ...rule })
    return error === undefined ? '' : explainIssues(error).join('; ')
  }
  assert.match(why({ port: 22 }), /needs protocol/)
  assert.match(why({ protocol: 'tcp', port: 70_000 }), /^port: 70000 is not a port/)
  assert.match(why({ source: '10.0.0.0/33' }), /not an address/)
  assert.match(why({ source: '10.0.0.1', destination: 'fd00::1' }), /IPv4 and IPv6/)
  assert.match(why({ action: 'masquerade' }), /does not go with this chain/)
  assert.match(why({ action: 'dnat', chain: 'nat-prerouting' }), /is needed for dnat/)
  assert.match(why({ outInterface: 'eth0' }), /not known yet/)
  assert.match(why({ comment: 'a"; drop' }), /without quotes/)
  assert.match(why({ inInterface: 'eth0; flush' }), /not the name of an interface/)
  assert.match(why({ jump: 'ACCEPT' }), /Unrecognized key/)
})

test('only rules that carry the mark of farm are its own', () => {
  const saved = '*filter\n-A INPUT -j ACCEPT\n-A INPUT -m comment --comment "farm-rule::0123 it is mine" -j DROP\n-A INPUT -m comment --comment "says farm-rule::1" -j DROP\n-A INPUT -m comment --comment farm:anemoi:00ff -j DROP\nCOMMIT\n*nat\n-A POSTROUTING -m comment --comment farm-rule:x:99 -j MASQUERADE\nCOMMIT\n'
  assert.deepEqual(parseIptables(saved, 'ipv4').map(({ chain, mark }) => [chain, mark]), [['input', 'farm-rule::0123 it is mine'], ['nat-postrouting', 'farm-rule:x:99']])
  const listed = 'table inet farm { # handle 7\n\tchain input { # handle 1\n\t\ttype filter hook input priority filter; policy accept;\n\t\tdrop comment "farm-rule::01" # handle 5\n\t\taccept # handle 6\n\t}\n}\n'
  assert.deepEqual(parseNft(listed), { rules: [{ family: 'both', chain: 'input', mark: 'farm-rule::01', removal: '5' }], others: 1 })
  assert.equal(describeRule(ruleSchema.parse(DNAT)), 'nat-prerouting tcp 8080: dnat to 10.1.2.3:80')
})

test('a mistake within a list is reported with its place', async () => {
  await using box = await Sandbox.create()
  const { ensure } = box.bind()
  await assert.rejects(ensure.firewall({ rules: [DROP, { ...SSH, port: [22, 'ssh'] }] }), { message: 'ensure.firewall: rules.1.port.1: ssh is not a port or a range of ports, e.g. 22 or 8000-8010' })
  await assert.rejects(ensure.firewall({ rules: { ...SSH, chain: 'INPUT' as 'input' } }), { message: /^ensure\.firewall: rules\.chain: Invalid option: expected one of "input"/ })
})
