/** Demands and offers for tests, of captured hosts and of made-up ones. */
import fc from 'fast-check'
import type { Demand, Needs, Offer } from '../../../../src/machine/dispatch/index.ts'
import { captured, HOSTS, POOL, type HostName } from '../../hypervisor/captured.ts'

const GIB = 2 ** 30

/** What the shipped targets ask for, by their names. */
export const TARGETS = {
  amd64: { arch: 'x86_64', machineType: 'q35', cpu: { kvm: 'host-model', qemu: undefined }, firmware: { kind: 'default' } },
  arm64: { arch: 'aarch64', machineType: 'virt', cpu: { kvm: 'host-passthrough', qemu: 'cortex-a57' }, firmware: { kind: 'efi' } },
  ppc64: { arch: 'ppc64le', machineType: 'pseries', cpu: { kvm: undefined, qemu: 'POWER9' }, firmware: { kind: 'default' } },
  riscv64: { arch: 'riscv64', machineType: 'virt', cpu: { kvm: undefined, qemu: 'rv64' }, firmware: { kind: 'default' } },
  s390x: { arch: 's390x', machineType: 's390-ccw-virtio', cpu: { kvm: undefined, qemu: undefined }, firmware: { kind: 'default' } },
} as const satisfies Record<string, Partial<Needs>>

/** A machine `<platform>_<target>` of 1 GiB. */
export function demand(machine: string, changes: Partial<Demand> = {}): Demand {
  const target = machine.slice(machine.lastIndexOf('_') + 1) as keyof typeof TARGETS
  return { machine, virtType: 'auto', memory: 1024, vcpus: 2, disk: 10 * GIB, ...TARGETS[target], ...changes }
}

/** Read once; counterexamples show them by their names. */
const known = new Map(HOSTS.map((host) => [host, Object.defineProperty(captured(host), fc.toStringMethod, { value: () => host })]))

/** A captured host as it is, under its own name or another. */
export function offer(host: HostName, changes: Partial<Offer> = {}): Offer {
  const capabilities = known.get(host) ?? captured(host)
  return { name: host, capabilities, memory: capabilities.memoryFree, cpus: capabilities.cpus, disk: capabilities.free[POOL] ?? 0, running: { memory: 0, cpus: 0 }, ...changes }
}

const fromCaptured = fc.record({
  host: fc.constantFrom(...HOSTS), memory: fc.integer({ min: 0, max: 64_000 }), cpus: fc.integer({ min: 1, max: 64 }), disk: fc.integer({ min: 0, max: 500 }),
  running: fc.record({ memory: fc.integer({ min: 0, max: 20_000 }), cpus: fc.integer({ min: 0, max: 20 }) }),
})

/** Hypervisors `h0`, `h1`, … that can do what captured hosts can, of any size. */
export const someOffers = fc.array(fromCaptured, { maxLength: 8 }).map((hosts) => hosts.map(({ host, disk, ...rest }, index) => ({ ...offer(host), ...rest, disk: disk * GIB, name: `h${index}` })))

const oneDemand = fc.record({
  target: fc.constantFrom(...(Object.keys(TARGETS) as (keyof typeof TARGETS)[])), memory: fc.integer({ min: 64, max: 40_000 }), vcpus: fc.integer({ min: 1, max: 40 }), disk: fc.integer({ min: 0, max: 300 }),
  virtType: fc.constantFrom('auto', 'auto', 'kvm', 'qemu'), machineType: fc.option(fc.constantFrom('virt', 'pc', 'nonsense'), { nil: undefined, freq: 6 }),
  on: fc.option(fc.uniqueArray(fc.nat(9).map((n) => `h${n}`), { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 4 }),
  existing: fc.option(fc.nat(9).map((n) => `h${n}`), { nil: undefined, freq: 3 }), barred: fc.option(fc.nat(9).map((n) => ({ [`h${n}`]: 'taken' })), { nil: undefined, freq: 6 }),
  variant: fc.option(fc.record({ at: fc.nat(9), memory: fc.integer({ min: 64, max: 40_000 }) }), { nil: undefined, freq: 6 }),
})

/** Machines of all kinds, with and without wishes, on hypervisors `h0` to `h9`, which need not be there. */
export const someDemands = fc.array(oneDemand, { maxLength: 25 }).map((machines) => machines.map(({ target, disk, machineType, variant, ...rest }, index): Demand => {
  const made = { ...demand(`m${String(index).padStart(2, '0')}_${target}`), ...rest, disk: disk * GIB, ...(machineType !== undefined && { machineType }) }
  return variant === undefined ? made : { ...made, variants: { [`h${variant.at}`]: { ...made, memory: variant.memory } } }
}))
