import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CapacityError, InputError } from '../../../src/errors.ts'
import { parseXml } from '../../../src/hypervisor/xml.ts'
import { allocateAddresses, chooseMac, choosePort, renderDomainSpec, seededMac, seededPort, usedForwards, usedMacs, usedNics, usedPorts, type Occupied } from '../../../src/machine/index.ts'
import type { Forward, InterfaceDefinition } from '../../../src/machine/definitions/types.ts'
import { packaged } from '../../../src/paths.ts'
import { machine } from './specs.ts'

const SSH: Forward = { protocol: 'tcp', address: '127.0.0.1', host: undefined, guest: 22 }
const NOTHING: Occupied = { domains: [], listening: new Set() }

function nic(changes: Partial<InterfaceDefinition> = {}): InterfaceDefinition {
  const type = changes.type ?? 'user'
  return { type, source: undefined, mac: undefined, ip: undefined, prefix: undefined, gateway: undefined, forwards: type === 'user' ? [SSH] : [], model: 'virtio', ...changes }
}

type Wanted = { name: string; interfaces: readonly InterfaceDefinition[] }
const wanted = (name: string, ...interfaces: InterfaceDefinition[]): Wanted => ({ name, interfaces: interfaces.length > 0 ? interfaces : [nic()] })

/** Machines as they stand in libvirt once they are made. */
async function made(machines: readonly Wanted[], active = false, occupied = NOTHING): Promise<Occupied['domains']> {
  const addresses = allocateAddresses(machines, occupied)
  return await Promise.all(machines.map(async ({ name }) => ({ name, active, document: parseXml(await renderDomainSpec(machine({ name, interfaces: addresses.get(name) ?? [] }), [packaged('templates')])) })))
}

const byHand = (inner: string, args: readonly string[] = []) => parseXml(`<domain><name>hers</name><devices>${inner}</devices><qemu:commandline>${args.map((arg) => `<qemu:arg value='${arg}'/>`).join('')}</qemu:commandline></domain>`)

describe('addresses of names', () => {
  const golden: readonly [name: string, port: number, mac: string][] = [
    ['Arch-Linux_amd64', 23_465, '52:54:00:bc:53:10'], ['debian_12_amd64', 50_205, '52:54:00:e6:bb:84'], ['debian_12_arm64', 4480, '52:54:00:2c:08:e7'], ['debian_12_ppc64', 38_081, '52:54:00:b8:8c:28'],
    ['debian_vs_amd64', 8361, '52:54:00:98:18:10'], ['debian_sid_amd64', 13_809, '52:54:00:33:2d:58'], ['debian_sid_vde_amd64', 39_107, '52:54:00:b7:90:2a'], ['debian_sid_user_amd64', 38_066, '52:54:00:6a:8c:19'],
  ]
  for (const [name, port, mac] of golden) {
    test(`${name} has the port and the MAC address that it had with Ansible`, () => {
      assert.equal(seededPort(name), port)
      assert.equal(seededMac(name), mac)
      assert.equal(choosePort(name, new Set()), port)
      assert.equal(chooseMac(name, new Set()), mac)
    })
  }

  test('what is chosen is never taken, always the same, and a port that can be forwarded', () => {
    fc.assert(fc.property(fc.string(), fc.array(fc.integer({ min: 2201, max: 65_534 }), { maxLength: 500 }), (name, ports) => {
      const taken = new Set([...ports, seededPort(name)])
      const port = choosePort(name, taken)
      assert.ok(!taken.has(port) && port >= 2201 && port < 65_535)
      assert.equal(choosePort(name, new Set(taken)), port)
      assert.ok(port < 32_768 || port >= 61_000, 'outgoing connections may take the others at any time')
      const macs = new Set([seededMac(name), chooseMac(name, new Set([seededMac(name)]))])
      assert.match(chooseMac(name, macs), /^52:54:00(:[0-9a-f]{2}){3}$/)
      assert.ok(!macs.has(chooseMac(name, macs)))
    }))
  })

  test('when only one port is left it is found, and when none is left that is said', () => {
    const all = new Set(Array.from({ length: 65_535 - 2201 }, (_, index) => 2201 + index))
    for (const left of [2201, 32_768, 65_534]) {
      all.delete(left)
      assert.equal(choosePort('boreas', all), left)
      all.add(left)
    }
    assert.throws(() => choosePort('boreas', all), (error) => error instanceof CapacityError && error.code === 'no-free-port')
  })
})

describe('what a domain has already', () => {
  test('is read from the elements of libvirt', () => {
    const document = byHand(`<interface type='network'><mac address='52:54:00:AA:bb:01'/></interface><interface type='user'><mac address='52:54:00:aa:bb:02'/><portForward proto='tcp' address='127.0.0.1'><range start='8000' end='8002' to='80'/><range start='8001' exclude='yes'/></portForward></interface>
      <graphics type='vnc' port='5907' websocket='5707'/><graphics type='spice' port='-1' autoport='yes'/><serial type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/></serial><serial type='tcp'><source mode='connect' host='10.0.0.1' service='23'/></serial>`)
    assert.deepEqual(usedMacs(document), ['52:54:00:aa:bb:01', '52:54:00:aa:bb:02'])
    assert.deepEqual(usedForwards(document).map(({ host, guest }) => [host, guest]), [[8000, 80], [8001, 81], [8002, 82]])
    assert.deepEqual(usedPorts(document), [8000, 8001, 8002, 5907, 5707, 4555])
  })

  test('is read from arguments of QEMU, in all forms in which people write them', () => {
    const document = byHand('', [
      '-netdev', 'type=user,id=user0,hostfwd=tcp:127.0.0.1:8022-:22,hostfwd=udp::53-10.0.2.15:5353', '-device', 'virtio-net-pci,bus=pcie.0,addr=0x0f,netdev=user0,mac=52:54:00:aa:bb:03',
      '-netdev', 'vde,id=v,sock=/run/switch', '-device', '{&quot;driver&quot;:&quot;e1000&quot;,&quot;netdev&quot;:&quot;v&quot;,&quot;mac&quot;:&quot;52:54:00:AA:BB:04&quot;}',
      '-nic', 'user,model=virtio,mac=52:54:00:aa:bb:05,hostfwd=::2222-:22', '-netdev', '{&quot;type&quot;:&quot;user&quot;,&quot;id&quot;:&quot;j&quot;,&quot;hostfwd&quot;:[{&quot;str&quot;:&quot;tcp::9000-:90&quot;}]}',
    ])
    assert.deepEqual(usedNics(document), [{ type: 'user', mac: '52:54:00:aa:bb:03' }, { type: 'vde', mac: '52:54:00:aa:bb:04' }, { type: 'user', mac: '52:54:00:aa:bb:05' }])
    assert.deepEqual(usedForwards(document), [
      { protocol: 'tcp', address: '127.0.0.1', host: 8022, guest: 22 }, { protocol: 'udp', address: '0.0.0.0', host: 53, guest: 5353 }, { protocol: 'tcp', address: '0.0.0.0', host: 2222, guest: 22 }, { protocol: 'tcp', address: '0.0.0.0', host: 9000, guest: 90 },
    ])
  })

  test('is nothing for a domain without devices', () => {
    const document = parseXml('<domain><name>hers</name></domain>')
    assert.deepEqual([usedMacs(document), usedPorts(document)], [[], []])
  })
})

describe('addresses of a run\'s machines on one hypervisor', () => {
  test('each machine gets those of its name, each further interface and port another of its own', () => {
    const http = { ...SSH, guest: 80 }
    const addresses = allocateAddresses([wanted('debian_12_arm64', nic({ forwards: [http, SSH] }), nic({ type: 'vde' })), wanted('debian_12_amd64')], NOTHING)
    const [first, second] = addresses.get('debian_12_arm64') ?? []
    assert.equal(first?.mac, '52:54:00:2c:08:e7')
    assert.deepEqual(first?.forwards, [{ ...http, host: seededPort('debian_12_arm64', 'tcp 80') }, { ...SSH, host: 4480 }])
    assert.equal(second?.mac, seededMac('debian_12_arm64', '1'))
    assert.equal(addresses.get('debian_12_amd64')?.[0]?.forwards[0]?.host, 50_205)
  })

  test('names that lead to the same address get two, and each the same whatever the order', () => {
    assert.equal(seededMac('node521'), seededMac('node2325'))
    assert.equal(seededPort('node336'), seededPort('node387'))
    const machines = ['node521', 'node2325', 'node336', 'node387'].map((name) => wanted(name))
    const addresses = allocateAddresses(machines, NOTHING)
    const all = [...addresses.values()].flat()
    assert.equal(new Set(all.map(({ mac }) => mac)).size, 4)
    assert.equal(new Set(all.map(({ forwards }) => forwards[0]?.host)).size, 4)
    assert.deepEqual(allocateAddresses([...machines].reverse(), NOTHING), addresses)
  })

  test('what somebody else has is left to them: domains made by hand, off as they may be, and programs that listen', () => {
    const document = byHand("<interface type='bridge'><mac address='52:54:00:2c:08:e7'/></interface>", ['-netdev', 'user,id=x,hostfwd=tcp::4480-:22'])
    const [one] = allocateAddresses([wanted('debian_12_arm64')], { domains: [{ name: 'hers', document, active: false }], listening: new Set([4481]) }).get('debian_12_arm64') ?? []
    assert.equal(one?.mac, chooseMac('debian_12_arm64', new Set(['52:54:00:2c:08:e7'])))
    assert.equal(one?.forwards[0]?.host, 4482)
  })

  test('a machine that exists keeps what it has, even if it was not its first choice and that is free again', async () => {
    const hers = { name: 'hers', document: byHand("<interface type='vde'><mac address='52:54:00:2c:08:e7'/></interface>", ['-netdev', 'user,id=x,hostfwd=tcp::4480-:22']), active: true }
    const mine = wanted('debian_12_arm64', nic({ type: 'network', source: 'default' }), nic({ forwards: [{ ...SSH, guest: 80 }, SSH] }), nic({ type: 'vde', source: 'x' }))
    const occupied = { domains: [hers], listening: new Set([4480]) }
    const before = allocateAddresses([mine], occupied)
    const domains = await made([mine], true, occupied)
    const ports = new Set(usedPorts(domains[0]?.document ?? assert.fail()))
    assert.ok(!ports.has(4480))
    assert.deepEqual(allocateAddresses([mine], { domains, listening: ports }), before)
  })

  test('a machine that is off gives up a port on which something else listens by now', async () => {
    const mine = wanted('debian_12_arm64')
    const domains = await made([mine])
    const port = (listening: ReadonlySet<number>, active: boolean) => allocateAddresses([mine], { domains: domains.map((domain) => ({ ...domain, active })), listening }).get('debian_12_arm64')?.[0]?.forwards[0]?.host
    assert.equal(port(new Set([4480]), false), 4481)
    assert.equal(port(new Set([4480]), true), 4480)
    assert.equal(port(new Set(), false), 4480)
  })

  test('addresses that definitions say are taken, and others give way to them', () => {
    const addresses = allocateAddresses([wanted('a', nic({ mac: seededMac('b'), forwards: [{ ...SSH, host: seededPort('b') }] })), wanted('b')], NOTHING)
    assert.equal(addresses.get('a')?.[0]?.mac, seededMac('b'))
    assert.equal(addresses.get('b')?.[0]?.mac, chooseMac('b', new Set([seededMac('b')])))
    assert.notEqual(addresses.get('b')?.[0]?.forwards[0]?.host, seededPort('b'))
  })

  /** Every part of a complaint. */
  const complaints = (machines: readonly Wanted[], occupied = NOTHING): string => {
    try {
      allocateAddresses(machines, occupied, 'anemoi')
    } catch (error) {
      assert.ok(error instanceof InputError)
      assert.equal(error.code, 'address-collision')
      assert.equal(error.host, 'anemoi')
      return [error.message, ...error.details].join('\n')
    }
    return ''
  }
  const mac = '52:54:00:00:00:01'
  const port = (host: number, changes: Partial<Forward> = {}) => nic({ forwards: [{ ...SSH, host, ...changes }] })

  test('two definitions that say the same address are refused, and both are named', () => {
    assert.match(complaints([wanted('boreas', nic({ mac })), wanted('zephyrus', nic({ mac }))]), /boreas and zephyrus .*52:54:00:00:00:01/)
    const both = complaints([wanted('boreas', port(2222), nic({ mac, type: 'vde' })), wanted('zephyrus', port(2222), nic({ mac, type: 'vde' }))])
    assert.match(both, /boreas and zephyrus .*port 2222\/tcp/)
    assert.match(both, /boreas and zephyrus .*52:54/)
  })

  test('an address that another machine of the hypervisor has is refused, and both are named', async () => {
    const domains = await made([wanted('eurus', nic({ mac, forwards: [{ ...SSH, host: 2222 }] }))])
    assert.match(complaints([wanted('boreas', nic({ mac }))], { domains, listening: new Set() }), /boreas .*52:54:00:00:00:01.*eurus/)
    assert.match(complaints([wanted('boreas', port(2222))], { domains, listening: new Set() }), /boreas .*2222\/tcp.*eurus/)
    assert.equal(complaints([wanted('eurus', nic({ mac, forwards: [{ ...SSH, host: 2222 }] }))], { domains: domains.map((domain) => ({ ...domain, active: true })), listening: new Set([2222]) }), '', 'its own are no collision')
  })

  test('a port on which another program listens is refused, unless it is another protocol', () => {
    const listening = new Set([2222])
    assert.match(complaints([wanted('boreas', port(2222))], { domains: [], listening }), /boreas .*2222\/tcp.*listens/)
    assert.equal(complaints([wanted('boreas', port(2222, { protocol: 'udp', guest: 53 }))], { domains: [], listening }), '')
  })

  test('one port on two addresses is no collision, on all addresses it is', () => {
    const other = (address: string) => complaints([wanted('boreas', port(2222)), wanted('zephyrus', port(2222, { address }))])
    assert.equal(other('10.0.0.1'), '')
    assert.match(other('0.0.0.0'), /boreas and zephyrus/)
  })

  test('whatever the machines and whatever is taken: nothing is given twice, nobody\'s is given, the order does not matter, and another run gives the same', async () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...'abc_12') }), { minLength: 1, maxLength: 8 })
    await fc.assert(fc.asyncProperty(names, fc.array(fc.nat(2)), fc.boolean(), async (list, extra, active) => {
      const machines = list.map((name, index) => wanted(name, nic(), ...Array.from({ length: extra[index] ?? 0 }, () => nic({ type: 'vde', source: '/run/switch' }))))
      const listening = new Set(list.map((name) => seededPort(name)).filter((_, index) => index % 2 === 0))
      const addresses = allocateAddresses(machines, { domains: [], listening })
      const all = [...addresses.values()].flat()
      assert.equal(new Set(all.map((one) => one.mac)).size, all.length)
      const ports = all.flatMap(({ forwards }) => forwards.map(({ host }) => host))
      assert.equal(new Set(ports).size, ports.length)
      assert.ok(ports.every((one) => !listening.has(one)))
      assert.deepEqual(allocateAddresses([...machines].reverse(), { domains: [], listening }), addresses)
      const domains = await made(machines, active, { domains: [], listening })
      assert.deepEqual(allocateAddresses(machines, { domains, listening: active ? new Set([...listening, ...ports]) : listening }), addresses)
    }), { numRuns: 25 })
  })
})
