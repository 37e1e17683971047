/**
 * How fast the dispatcher is: 10 000 machines on 1 000 hypervisors, of few kinds and of many; with everything placed anew, and with
 * everything in its place already. Each hypervisor has capabilities of its own, as parsed, so that nothing is won by sharing objects.
 *
 * Usage: npm run bench -- dispatch [--json]
 */
import { availableParallelism } from 'node:os'
import { place, type Demand, type Offer } from '../src/machine/dispatch/index.ts'
import type { Capabilities, GuestSupport } from '../src/hypervisor/index.ts'
import { figure, figuresTable, type Figure } from './parts/figures.ts'

const [MACHINES, HYPERVISORS, ROUNDS, LIMIT] = [10_000, 1_000, 5, 1]

const machineTypes = (type: string): GuestSupport['machines'] => [{ name: type, canonical: `${type}-9.2`, maxCpus: 288 }, ...Array.from({ length: 60 }, (_, index) => ({ name: `${type}-${index}`, maxCpus: 64 }))]
const MACHINE_TYPE: Readonly<Record<string, string>> = { x86_64: 'q35', aarch64: 'virt', ppc64le: 'pseries', riscv64: 'virt', s390x: 's390-ccw-virtio' }
const ARCHS = Object.keys(MACHINE_TYPE)

/** Hypervisors of eight kinds: three architectures, more or fewer emulators; each of its own size. */
function hypervisor(index: number): Offer {
  const arch = ['x86_64', 'x86_64', 'aarch64', 'ppc64le'][index % 4] ?? ''
  const emulators = ARCHS.slice(0, index % 8 < 4 ? 5 : 2)
  const archs = emulators.includes(arch) ? emulators : [...emulators, arch]
  const capabilities: Capabilities = {
    arch, cpus: 8 + (index % 56), memory: 16_384 + 512 * (index % 97), memoryFree: 12_000 + 512 * (index % 97), distribution: 'debian', codename: 'trixie', installer: 'apt-get', home: '/root', free: {}, files: {},
    guests: archs.map((name) => ({ arch: name, emulator: `/usr/bin/qemu-system-${name}`, machines: machineTypes(MACHINE_TYPE[name] ?? ''), virtTypes: [{ type: 'qemu' }, ...(name === arch ? [{ type: 'kvm' }] : [])] })),
    domains: archs.flatMap((name) => (name === arch ? ['kvm', 'qemu'] : ['qemu']).map((virtType) => ({ arch: name, machine: MACHINE_TYPE[name] ?? '', canonical: '', virtType, emulator: '', efi: true, cpuModes: ['custom', 'maximum', 'host-model'], cpuModels: Array.from({ length: 60 }, (_, model) => `model-${model}`), unusableModels: [] }))),
  }
  return { name: `hypervisor${String(index).padStart(4, '0')}`, capabilities, memory: capabilities.memoryFree, cpus: capabilities.cpus, disk: 400 * 2 ** 30, running: { memory: 100 * (index % 13), cpus: index % 5 } }
}

function machine(index: number, kinds: number): Demand {
  const arch = ARCHS[index % 5] ?? ''
  const kind = index % kinds
  return { machine: `machine${String(index).padStart(5, '0')}`, arch, virtType: 'auto', machineType: MACHINE_TYPE[arch] ?? '', cpu: { kvm: 'host-model', qemu: 'model-7' }, firmware: { kind: 'efi' }, memory: 512 + kind, vcpus: 1 + (kind % 4), disk: 10 * 2 ** 30 }
}

function measure(name: string, demands: readonly Demand[], offers: readonly Offer[]): Figure {
  const seconds = Array.from({ length: ROUNDS }, () => {
    const copies = [structuredClone(demands), structuredClone(offers)] as const
    const begin = performance.now()
    const { assigned, unplaced } = place(...copies)
    const taken = (performance.now() - begin) / 1000
    if (assigned.length + unplaced.length !== demands.length || unplaced.length > 0) throw new Error(`${name}: ${assigned.length} placed, ${unplaced.length} not, of ${demands.length}`)
    return taken
  })
  return figure(name, 's', seconds, LIMIT)
}

const offers = Array.from({ length: HYPERVISORS }, (_, index) => hypervisor(index))
const few = Array.from({ length: MACHINES }, (_, index) => machine(index, 20))
const { assigned } = place(few, offers)
const where = new Map(assigned.map(({ machine: name, hypervisor: at }) => [name, at]))
const figures = [
  measure('10 000 machines of 20 kinds on 1 000 hypervisors', few, offers),
  measure('10 000 machines of 1 000 kinds on 1 000 hypervisors', Array.from({ length: MACHINES }, (_, index) => machine(index, 1_000)), offers),
  measure('the 20 kinds again, all in their places', few.map((demand) => ({ ...demand, existing: where.get(demand.machine) })), offers),
]
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ cpus: availableParallelism(), node: process.version, figures }, null, 2)}\n`)
else process.stdout.write(`${figuresTable(figures)}\n\n${availableParallelism()} CPUs, Node ${process.version}\n`)
if (figures.some(({ value }) => value > LIMIT)) process.exitCode = 1
