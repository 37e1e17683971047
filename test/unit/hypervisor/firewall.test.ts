import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRules } from '../../../src/hypervisor/firewall.ts'
import { planCluster, clusterVars } from '../../../src/machine/index.ts'
import { clusterRules } from '../../../tasks/provision-vm-network/rules.ts'

const saved = `
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -s 172.17.2.0/24 -d 172.17.1.0/24 -i kvmbr0 -o eno1 -m comment --comment "farm:anemoi:0123456789ab" -j ACCEPT
-A FORWARD -i eno1 -m comment --comment farm:anemoi:ba9876543210 -j ACCEPT
-A FORWARD -i eno1 -m comment --comment "farm:anemoi2:ba9876543210" -j ACCEPT
-A FORWARD -m comment --comment "somebody says farm:anemoi:x" -j DROP
COMMIT
*nat
-A POSTROUTING -s 172.17.2.0/24 -m comment --comment "farm:anemoi:00ff00ff00ff" -j MASQUERADE
COMMIT`

test('only rules that carry this cluster\'s comment are its own', () => {
  const rules = parseRules(saved, 'anemoi')
  assert.deepEqual(rules.map(({ table, comment }) => [table, comment]), [
    ['filter', 'farm:anemoi:0123456789ab'],
    ['filter', 'farm:anemoi:ba9876543210'],
    ['nat', 'farm:anemoi:00ff00ff00ff'],
  ])
  assert.deepEqual(rules[0]?.words.slice(0, 5), ['FORWARD', '-s', '172.17.2.0/24', '-d', '172.17.1.0/24'])
})

const vars = (extra: Record<string, unknown>): ReturnType<typeof clusterVars.parse> => clusterVars.parse({ vm_cluster_vms: ['boreas'], vmhost_iface_name: 'eno1', vmhost_net: '172.17.1.0/24', ...extra })

test('with NAT the outside network may reach the machines; libvirt masquerades by itself', () => {
  const cluster = vars({})
  assert.deepEqual(clusterRules(cluster, planCluster(cluster, 'h')).map((rule) => [rule.chain, rule.match.at(-1)]), [['FORWARD', 'ACCEPT'], ['FORWARD', 'ACCEPT']])
})

test('a routed cluster is masqueraded towards the world, on the outside interface and not on the bridge', () => {
  const cluster = vars({ vm_network_mode: 'route' })
  const masquerade = clusterRules(cluster, planCluster(cluster, 'h')).find((rule) => rule.table === 'nat')
  assert.deepEqual(masquerade?.match, ['-s', '172.17.2.0/24', '!', '-d', '172.17.1.0/24', '-o', 'eno1', '-j', 'MASQUERADE'])
})

test('without an outside interface there are no rules', () => {
  const cluster = clusterVars.parse({ vm_cluster_vms: ['boreas'] })
  assert.deepEqual(clusterRules(cluster, planCluster(cluster, 'h')), [])
})
