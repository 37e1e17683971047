import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FarmError } from '../../../src/errors.ts'
import { clusterVars, overlaps, parseSize, planCluster, type ClusterPlan } from '../../../src/machine/index.ts'

const plan = (vars: Record<string, unknown>, known?: ReadonlyMap<string, string>): ClusterPlan => planCluster(clusterVars.parse({ vm_cluster_vms: ['boreas', 'zephyrus'], ...vars }), 'anemoi', known)

function problems(vars: Record<string, unknown>): string {
  try {
    plan(vars)
  } catch (error) {
    assert.ok(error instanceof FarmError)
    assert.equal(error.exitCode, 65)
    return [error.message, ...error.details].join('\n')
  }
  return assert.fail('nothing was refused')
}

test('machines get the addresses that are given, others the lowest free ones', () => {
  const { machines } = plan({ vm_cluster_ips: [{ name: 'boreas', ip: '172.17.2.3' }], vm_cluster_vms: ['boreas', 'zephyrus', 'notus'] })
  assert.deepEqual(machines.map((machine) => machine.ip), ['172.17.2.3', '172.17.2.2', '172.17.2.4'])
})

test('a machine keeps the address it has when the list of machines changes', () => {
  const { machines } = plan({ vm_cluster_vms: ['eurus', 'boreas'] }, new Map([['boreas', '172.17.2.2']]))
  assert.deepEqual(machines.map(({ name, ip }) => [name, ip]), [['eurus', '172.17.2.3'], ['boreas', '172.17.2.2']])
})

test('a machine\'s MAC address depends on its name and cluster alone', () => {
  const [first] = plan({}).machines
  const [, again] = plan({ vm_cluster_vms: ['notus', 'boreas'] }).machines
  assert.equal(first?.mac, again?.mac)
  assert.match(first?.mac ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/)
})

const refused: [string, Record<string, unknown>, RegExp][] = [
  ['the same name twice', { vm_cluster_vms: ['boreas', 'Boreas'] }, /vm_cluster_vms: boreas stands there twice/],
  ['an address outside the subnet', { vm_cluster_ips: [{ name: 'boreas', ip: '10.0.0.1' }] }, /10\.0\.0\.1 \(boreas\) is outside 172\.17\.2\.0\/24/],
  ['the address of the bridge', { vm_cluster_ips: [{ name: 'boreas', ip: '172.17.2.1' }] }, /is the address of the bridge/],
  ['one address for two machines', { vm_cluster_ips: [{ name: 'boreas', ip: '172.17.2.9' }, { name: 'zephyrus', ip: '172.17.2.9' }] }, /172\.17\.2\.9 is given twice/],
  ['an address for a machine that is not there', { vm_cluster_ips: [{ name: 'notus', ip: '172.17.2.9' }] }, /no machine "notus"/],
  ['a netmask that contradicts the subnet', { vm_cluster_bridge_mask: '255.255.0.0' }, /means \/16/],
  ['a bridge outside its subnet', { vm_cluster_bridge_ip: '172.17.3.1' }, /vm_cluster_bridge_ip: 172\.17\.3\.1 is outside/],
  ['a range from back to front', { vm_cluster_bridge_dhcp_start: '172.17.2.9', vm_cluster_bridge_dhcp_end: '172.17.2.8' }, /lies behind/],
  ['more machines than addresses', { vm_cluster_bridge_dhcp_end: '172.17.2.2' }, /more machines than addresses/],
]
for (const [what, vars, message] of refused) test(`${what} is refused before any host is touched`, () => assert.match(problems(vars), message))

test('all problems are named at once', () => {
  const text = problems({ vm_cluster_vms: ['boreas', 'boreas'], vm_cluster_bridge_mask: '255.255.0.0', vm_cluster_ips: [{ name: 'boreas', ip: '1.2.3.4' }] })
  assert.match(text, /stands there twice/)
  assert.match(text, /means \/16/)
  assert.match(text, /1\.2\.3\.4/)
})

const badNames = ['1', '042', 'a&b', 'a b', '"a"', "a'b", '$(touch x)', 'a;b', '-a', 'a-', '', 'a/b', '../a', 'a'.repeat(64), 'ä', 'a.b', 'a\nb']
for (const name of badNames) {
  test(`a machine cannot be called ${JSON.stringify(name.slice(0, 20))}`, () => assert.equal(clusterVars.safeParse({ vm_cluster_vms: [name] }).success, false))
}

test('directories on the hypervisor are absolute, and written one way', () => {
  const parse = (vm_pool_dir: string): string | undefined => clusterVars.parse({ vm_cluster_vms: [], vm_pool_dir }).vm_pool_dir
  assert.equal(parse('/srv//pool/./x/'), '/srv/pool/x')
  assert.throws(() => parse('pool'))
  assert.throws(() => parse('/a\nb'))
})

test('user networking needs no network and no addresses', () => {
  const { network, machines } = plan({ vm_network_mode: 'user' })
  assert.equal(network, undefined)
  assert.deepEqual(machines.map((machine) => machine.ip), [undefined, undefined])
})

test('sizes are read as qemu-img reads them', () => {
  assert.deepEqual(['35G', '512M', '1.5T', '10GiB', '4096', '1k'].map(parseSize), [35 * 2 ** 30, 2 ** 29, 1.5 * 2 ** 40, 10 * 2 ** 30, 4096, 1024])
  assert.deepEqual(['', 'G', '-1G', '1 2', '1X'].map(parseSize), Array(5).fill(undefined))
})

test('two subnets overlap exactly when one holds the other\'s first address', () => {
  const subnet = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 8, max: 30 }))
  fc.assert(fc.property(subnet, subnet, ([a, b, n], [c, d, m]) => {
    const value = (x: number, y: number, bits: number): number => Math.floor((10 * 2 ** 24 + x * 2 ** 16 + y * 2 ** 8) / 2 ** (32 - bits))
    const shorter = Math.min(n, m)
    assert.equal(overlaps(`10.${a}.${b}.0/${n}`, `10.${c}.${d}.0/${m}`), value(a, b, shorter) === value(c, d, shorter))
  }))
})
