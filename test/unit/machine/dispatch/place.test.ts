import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fits, place, type Demand, type Offer, type Placement, type PlacementOptions } from '../../../../src/machine/dispatch/index.ts'
import { demand, offer, someDemands, someOffers } from './rig.ts'

/** `hypervisor: machine, machine`, in the order of names. */
function shares({ assigned }: Placement): Record<string, string[]> {
  const result: Record<string, string[]> = {}
  for (const { machine, hypervisor } of assigned) (result[hypervisor] ??= []).push(machine)
  return result
}

const reasonFor = (placement: Placement, machine: string): string => placement.assigned.find((one) => one.machine === machine)?.reason ?? 'not placed'

// The worked results of the predecessor (specification, section 8).
const kvm = (name: string): Offer => offer('fedora', { name })
const pi = (name: string): Offer => offer('raspberry', { name, memory: 7000, capabilities: { ...offer('raspberry').capabilities, guests: [...offer('raspberry').capabilities.guests, ...offer('debian-x86').capabilities.guests.map((guest) => ({ ...guest, virtTypes: [{ type: 'qemu' }] }))] } })

test('A and C have kvm for x86_64, B for aarch64: machines go where kvm is, and equally to both where two have it', () => {
  const machines = ['px_amd64', 'p1_amd64', 'p2_amd64', 'p3_amd64', 'p1_arm64', 'p2_arm64', 'p3_arm64']
  const result = place(machines.map((name) => demand(name, { firmware: { kind: 'default' } })), [kvm('A'), pi('B'), kvm('C')])
  // The predecessor dealt px, p2 to A and p1, p3 to C, since it dealt in the order of the configuration. By name, the order of the configuration does not matter.
  assert.deepEqual(shares(result), { A: ['p1_amd64', 'p3_amd64'], B: ['p1_arm64', 'p2_arm64', 'p3_arm64'], C: ['p2_amd64', 'px_amd64'] })
  assert.ok(result.assigned.every(({ virtType }) => virtType === 'kvm'))
})

test('a notebook and a Raspberry Pi share the matrix of example 04 as they did with the predecessor', () => {
  const notebook = offer('debian-foreign', { name: 'notebook', capabilities: { ...offer('debian-foreign').capabilities, kvmObstacle: undefined } as unknown as Offer['capabilities'] })
  const machines = ['Arch-Linux_amd64', 'debian_12_amd64', 'debian_12_arm64', 'debian_12_ppc64']
  const demands = machines.map((name) => demand(name, { cpu: { kvm: undefined, qemu: undefined } }))
  const result = place(demands, [notebook, offer('raspberry')])
  assert.deepEqual(shares(result), { notebook: ['Arch-Linux_amd64', 'debian_12_amd64', 'debian_12_ppc64'], raspberry: ['debian_12_arm64'] })
  // Where the predecessor's run died: nobody emulates ppc64le. The others are placed, and it is said what is missing.
  const without = place(demands, [offer('fedora'), offer('raspberry')])
  assert.equal(without.assigned.length, 3)
  assert.deepEqual(without.unplaced, [{ machine: 'debian_12_ppc64', lacks: { fedora: ['no emulator for ppc64le (dnf install qemu-system-ppc)'], raspberry: ['no emulator for ppc64le (apt-get install qemu-system-ppc)'] } }])
})

test('kvm goes before emulation, however busy the hypervisor that has it', () => {
  const busy = offer('fedora', { running: { memory: 31_000, cpus: 100 } })
  assert.deepEqual(shares(place([demand('a_amd64'), demand('b_amd64')], [busy, offer('debian-every')])), { fedora: ['a_amd64', 'b_amd64'] })
})

test('a hypervisor that has more gets more', () => {
  const [large, small] = [offer('fedora', { name: 'large' }), offer('fedora', { name: 'small', cpus: 4, memory: 8000, capabilities: { ...offer('fedora').capabilities, cpus: 4, memory: 8000 } })]
  const { large: most = [], small: few = [] } = shares(place(Array.from({ length: 10 }, (_, index) => demand(`m${index}_amd64`)), [small, large]))
  assert.deepEqual([most.length, few.length], [8, 2])
})

test('large machines are placed before small ones, which fill up what is left', () => {
  const hosts = [kvm('a'), kvm('b')]
  const sized = (name: string, size: number): Demand => demand(name, { vcpus: 2 * size, memory: 1024 * size })
  assert.deepEqual(shares(place([sized('1_amd64', 1), sized('2_amd64', 1), sized('3_amd64', 2)], hosts)), { a: ['3_amd64'], b: ['1_amd64', '2_amd64'] })
})

test('a machine that is emulated counts for more', () => {
  // One emulated arm64 machine leaves this host with the load of four: the next goes to the other.
  const hosts = [offer('fedora', { name: 'a' }), offer('fedora', { name: 'b' })]
  const arm = demand('x_arm64', { firmware: { kind: 'default' }, existing: 'a' })
  assert.deepEqual(shares(place([arm, demand('1_amd64'), demand('2_amd64')], hosts)), { a: ['x_arm64'], b: ['1_amd64', '2_amd64'] })
})

test('the machines of others that run count as well', () => {
  const hosts = [offer('fedora', { name: 'a', running: { memory: 8000, cpus: 8 } }), offer('fedora', { name: 'b' })]
  assert.deepEqual(shares(place([demand('1_amd64'), demand('2_amd64')], hosts)), { b: ['1_amd64', '2_amd64'] })
})

test('a machine that exists stays, also where another place would be better', () => {
  const placement = place([demand('d_amd64', { existing: 'debian-x86' })], [offer('debian-x86'), offer('fedora')])
  assert.deepEqual(placement.assigned, [{ machine: 'd_amd64', hypervisor: 'debian-x86', virtType: 'qemu', reason: 'it is there already' }])
})

test('a machine that cannot stay is placed anew, and it is said why', () => {
  const small = place([demand('d_amd64', { existing: 'debian-x86', memory: 6000 })], [offer('debian-x86'), offer('fedora')])
  assert.equal(small.assigned[0]?.movedFrom, 'debian-x86')
  assert.match(reasonFor(small, 'd_amd64'), /it cannot stay on debian-x86: 6000 MiB wanted, 5200 MiB free/)
  const gone = place([demand('d_amd64', { existing: 'x' })], [offer('fedora')], { problems: [{ name: 'x', problem: 'libvirt does not answer' }] })
  assert.match(reasonFor(gone, 'd_amd64'), /it was on x, libvirt does not answer/)
  const unwanted = place([demand('d_amd64', { existing: 'debian-x86', on: ['fedora'] })], [offer('debian-x86'), offer('fedora')])
  assert.match(reasonFor(unwanted, 'd_amd64'), /it is on debian-x86 as well/)
})

test('a pinned machine goes there and nowhere else', () => {
  const hosts = [offer('debian-x86'), offer('fedora')]
  assert.deepEqual(shares(place([demand('d_amd64', { on: ['debian-x86'] })], hosts)), { 'debian-x86': ['d_amd64'] })
  const nowhere = place([demand('d_amd64', { on: ['gone', 'silent'] })], hosts, { problems: [{ name: 'silent', problem: 'libvirt is not installed' }] })
  assert.deepEqual(nowhere.unplaced, [{ machine: 'd_amd64', lacks: { gone: ['it is not among the hypervisors'], silent: ['libvirt is not installed'] } }])
})

test('a machine whose name is taken by somebody else\'s goes elsewhere', () => {
  const barred = { fedora: 'there is a machine called d_amd64 that is not this farm\'s' }
  assert.deepEqual(shares(place([demand('d_amd64', { barred })], [offer('debian-x86'), offer('fedora')])), { 'debian-x86': ['d_amd64'] })
  assert.deepEqual(place([demand('d_amd64', { barred })], [offer('fedora')]).unplaced[0]?.lacks, { fedora: [barred.fedora] })
})

test('machines that fit on one hypervisor only are not crowded out by those that have a choice', () => {
  const hosts = [offer('debian-foreign', { name: 'a', disk: 10 * 2 ** 30 }), offer('debian-x86', { name: 'b', disk: 10 * 2 ** 30 })]
  const { unplaced } = place([demand('1_amd64'), demand('2_amd64'), demand('z_ppc64')], hosts, { diskOvercommit: 2 })
  assert.deepEqual(unplaced, [])
})

test('hosts that could not be probed are named among those that lack something, and the others go on', () => {
  const { assigned, unplaced } = place([demand('a_amd64'), demand('b_s390x')], [offer('fedora')], { problems: [{ name: 'broken', problem: 'libvirt is not installed' }] })
  assert.equal(assigned.length, 1)
  assert.deepEqual(unplaced[0]?.lacks['broken'], ['libvirt is not installed'])
})

test('two machines of one name are refused', () => {
  assert.throws(() => place([demand('a_amd64'), demand('a_amd64')], [offer('fedora')]), /two machines called a_amd64/)
})

// Properties, over hosts that can do what captured ones can, of any size.
const OPTIONS: PlacementOptions = { diskOvercommit: 1.5, cpuOvercommit: 2 }
const scenes = fc.tuple(someDemands, someOffers)
const check = (property: (demands: readonly Demand[], offers: readonly Offer[], placement: Placement) => void): void => fc.assert(fc.property(scenes, ([demands, offers]) => { property(demands, offers, place(demands, offers, OPTIONS)) }), { numRuns: 300 })

test('no machine is lost, and none is placed twice', () => {
  check((demands, _offers, { assigned, unplaced }) => assert.deepEqual([...assigned, ...unplaced].map(({ machine }) => machine).sort(), demands.map(({ machine }) => machine).sort()))
})

test('nothing is placed where it does not fit: by itself, and all disks together', () => {
  check((demands, offers, { assigned }) => {
    for (const at of offers) {
      let disks = 0
      for (const { machine, virtType } of assigned.filter(({ hypervisor }) => hypervisor === at.name)) {
        const wanted = demands.find((one) => one.machine === machine) as Demand
        assert.deepEqual(fits(wanted, at, OPTIONS), { fits: true, virtType })
        assert.ok(wanted.on?.includes(at.name) ?? true)
        if (wanted.existing !== at.name) disks += (wanted.variants?.[at.name] ?? wanted).disk
      }
      assert.ok(disks <= at.disk * 1.5)
    }
  })
})

test('what is not placed fits nowhere that is left, and each hypervisor says why', () => {
  check((demands, offers, { assigned, unplaced }) => {
    for (const { machine, lacks } of unplaced) {
      const wanted = demands.find((one) => one.machine === machine) as Demand
      for (const at of offers.filter(({ name }) => wanted.on?.includes(name) ?? true)) {
        const taken = assigned.filter(({ hypervisor }) => hypervisor === at.name).map((one) => demands.find((each) => each.machine === one.machine) as Demand).filter(({ existing }) => existing !== at.name)
        const left = at.disk * 1.5 - taken.reduce((sum, { disk }) => sum + disk, 0)
        assert.equal(fits(wanted, { ...at, disk: left / 1.5 }, OPTIONS).fits && wanted.disk <= left, false)
        assert.ok((lacks[at.name]?.length ?? 0) > 0, `${machine} is not placed, and ${at.name} lacks nothing`)
      }
    }
  })
})

test('the order in which machines and hypervisors are given does not matter', () => {
  fc.assert(fc.property(scenes.chain(([demands, offers]) => fc.tuple(fc.constant([demands, offers] as const), fc.shuffledSubarray(demands, { minLength: demands.length }), fc.shuffledSubarray(offers, { minLength: offers.length }))), ([[demands, offers], mixed, others]) => {
    assert.deepEqual(place(mixed, others, OPTIONS), place(demands, offers, OPTIONS))
  }), { numRuns: 300 })
})

test('once placed, machines stay when machines and hypervisors are added', () => {
  fc.assert(fc.property(scenes, fc.nat(10), fc.nat(10), ([demands, offers], machines, hosts) => {
    const first = place(demands.slice(machines), offers.slice(0, offers.length - hosts), OPTIONS)
    const where = new Map(first.assigned.map(({ machine, hypervisor }) => [machine, hypervisor]))
    const second = place(demands.map((one) => ({ ...one, existing: where.get(one.machine) ?? one.existing })), offers, OPTIONS)
    for (const { machine, hypervisor } of first.assigned) assert.equal(second.assigned.find((one) => one.machine === machine)?.hypervisor, hypervisor)
  }), { numRuns: 300 })
})

test('kvm is never passed over for emulation', () => {
  check((demands, offers, { assigned }) => {
    for (const { machine, hypervisor, virtType } of assigned.filter((one) => one.virtType === 'qemu')) {
      const wanted = demands.find((one) => one.machine === machine) as Demand
      if (wanted.existing === hypervisor) continue
      const better = offers.filter(({ name }) => wanted.on?.includes(name) ?? true).filter((at) => { const fit = fits({ ...wanted, existing: undefined }, { ...at, disk: Infinity }, OPTIONS); return fit.fits && fit.virtType === 'kvm' })
      // It may have run out of disk.
      for (const at of better) {
        const full = assigned.filter((one) => one.hypervisor === at.name).reduce((sum, one) => sum + (demands.find((each) => each.machine === one.machine)?.disk ?? 0), 0)
        assert.ok(full + wanted.disk > at.disk * 1.5, `${machine} is ${virtType} on ${hypervisor}, and ${at.name} has kvm`)
      }
    }
  })
})

test('equal machines on equal hypervisors are shared out equally', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 40 }), (hosts, machines) => {
    const result = shares(place(Array.from({ length: machines }, (_, index) => demand(`m${index}_amd64`, { disk: 0 })), Array.from({ length: hosts }, (_, index) => kvm(`h${index}`))))
    const counts = Array.from({ length: hosts }, (_, index) => result[`h${index}`]?.length ?? 0)
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join())
  }))
})
