/**
 * Which machine goes where. A machine that exists stays; one that may be only in certain places goes to one of them; the others go,
 * those with the fewest possibilities and then the largest first, to the hypervisor that is least loaded with them: the greedy rule
 * of longest processing time first (R. L. Graham, Bounds on Multiprocessing Timing Anomalies, 1969). KVM goes before emulation.
 *
 * Demands of one kind and hypervisors of one kind are compared once, however many there are.
 */
import { InputError } from '../../errors.ts'
import type { VirtType } from '../../hypervisor/index.ts'
import { Interner } from './interner.ts'
import { LazyQueue } from './queue.ts'
import { barredOn, diskLacks, fitsKind, needsOn, sizeLacks } from './fits.ts'
import type { Assignment, Demand, Fit, Needs, Offer, Placement, PlacementOptions, Unplaced } from './types.ts'

/** Loads are whole numbers, so that sums are the same in any order: a hypervisor that is used to the full has this many. */
const FULL = 1_000_000

/** More than any load: KVM is cheaper than emulation, however busy. */
const EMULATED = 2 ** 46

/**
 * Assigns machines to hypervisors. The same demands and offers in any order give the same placement.
 *
 * @throws InputError `duplicate-machine`, `duplicate-hypervisor`
 */
export function place(demands: readonly Demand[], offers: readonly Offer[], options: PlacementOptions = {}): Placement {
  return new Placing(demands, offers, options).run()
}

/** Demands that are alike: they have the same hypervisors to choose from, at the same price. */
interface Kind {
  /** Hypervisors on which they fit, but for the disk. */
  readonly candidates: readonly number[]
  /** By hypervisor: what one of them adds to its load, and EMULATED where it is emulated there. */
  readonly prices: Float64Array
  readonly size: number
  queue?: LazyQueue
  lacks?: Unplaced['lacks']
}

class Placing {
  readonly #demands: readonly Demand[]
  readonly #offers: readonly Offer[]
  readonly #options: PlacementOptions
  readonly #number: ReadonlyMap<string, number>
  readonly #loads: number[]
  readonly #disks: number[]
  readonly #needs = new Interner<Needs>(({ arch, virtType, emulator, machineType, cpu, firmware, memory, vcpus, disk }) => [arch, virtType, emulator, machineType, cpu.kvm, cpu.qemu, firmware, memory, vcpus, disk])
  readonly #capabilities: readonly number[]
  readonly #fits = new Map<number, Fit[]>()
  readonly #kinds = new Map<string, Kind>()
  readonly #assigned: Assignment[] = []
  readonly #unplaced: Unplaced[] = []

  constructor(demands: readonly Demand[], offers: readonly Offer[], options: PlacementOptions) {
    this.#demands = sorted(demands, ({ machine }) => machine, 'machine')
    this.#offers = sorted(offers, ({ name }) => name, 'hypervisor')
    this.#options = options
    this.#number = new Map(this.#offers.map(({ name }, index) => [name, index]))
    this.#loads = this.#offers.map(({ cpus, running, capabilities }) => Math.round((FULL * (running.cpus / cpus + running.memory / capabilities.memory)) / 2) || 0)
    this.#disks = this.#offers.map(({ disk }) => disk * (options.diskOvercommit ?? 4))
    const kinds = new Interner<Offer['capabilities']>(({ arch, installer, kvmObstacle, guests, domains, files }) => [arch, installer, kvmObstacle, guests, domains, files])
    this.#capabilities = this.#offers.map(({ capabilities }) => kinds.number(capabilities))
  }

  run(): Placement {
    const rest = this.#demands.filter((demand) => !this.#stays(demand))
    const queued = rest.map((demand) => ({ demand, kind: this.#kindOf(demand) }))
    queued.sort((a, b) => a.kind.candidates.length - b.kind.candidates.length || b.kind.size - a.kind.size || byName(a.demand.machine, b.demand.machine))
    for (const { demand, kind } of queued) this.#choose(demand, kind)
    this.#assigned.sort((a, b) => byName(a.machine, b.machine))
    this.#unplaced.sort((a, b) => byName(a.machine, b.machine))
    return { assigned: this.#assigned, unplaced: this.#unplaced }
  }

  /** Leaves a machine where it is, when it may be and fits there. Its disks are there already. */
  #stays(demand: Demand): boolean {
    const at = demand.existing === undefined ? undefined : this.#number.get(demand.existing)
    if (at === undefined || !(demand.on?.includes(demand.existing ?? '') ?? true) || barredOn(demand, demand.existing ?? '').length > 0) return false
    const fit = this.#fit(needsOn(demand, demand.existing ?? ''), at)
    if (!fit.fits) return false
    this.#assign(demand, at, fit.virtType, 'it is there already')
    return true
  }

  #assign(demand: Demand, at: number, virtType: VirtType, reason: string): void {
    const { name } = this.#offers[at] as Offer
    const needs = needsOn(demand, name)
    this.#loads[at] = (this.#loads[at] ?? 0) + this.#cost(needs, at, virtType)
    if (demand.existing !== name) this.#disks[at] = (this.#disks[at] ?? 0) - needs.disk
    const moved = demand.existing !== undefined && demand.existing !== name
    this.#assigned.push({ machine: demand.machine, hypervisor: name, virtType, reason: moved ? `${reason}; ${this.#whyMoved(demand)}` : reason, ...(moved && { movedFrom: demand.existing }) })
  }

  #whyMoved(demand: Demand): string {
    const { existing = '', on } = demand
    if (on !== undefined && !on.includes(existing)) return `it is on ${existing} as well, where it is no longer wanted`
    const at = this.#number.get(existing)
    if (at === undefined) return `it was on ${existing}, ${this.#options.problems?.find(({ name }) => name === existing)?.problem ?? 'which is not among the hypervisors'}`
    const fit = this.#fit(needsOn(demand, existing), at)
    return `it cannot stay on ${existing}: ${[...barredOn(demand, existing), ...(fit.fits ? [] : fit.lacks)].join('; ')}`
  }

  #choose(demand: Demand, kind: Kind): void {
    const price = (at: number): number => (this.#loads[at] ?? 0) + (kind.prices[at] ?? 0)
    kind.queue ??= new LazyQueue(kind.candidates, price)
    const at = kind.queue.cheapest(price, (item) => needsOn(demand, this.#offers[item]?.name ?? '').disk <= (this.#disks[item] ?? 0))
    if (at === undefined) {
      this.#unplaced.push({ machine: demand.machine, lacks: (kind.lacks ??= this.#lacks(demand)) })
      return
    }
    const virtType = (kind.prices[at] ?? 0) < EMULATED ? 'kvm' : 'qemu'
    this.#assign(demand, at, virtType, reasonOf(demand, kind, virtType))
  }

  /** How much of a hypervisor a machine takes, of its CPUs and its memory equally. */
  #cost({ vcpus, memory }: Needs, at: number, virtType: VirtType): number {
    const { cpus, capabilities } = this.#offers[at] as Offer
    const busy = vcpus * (virtType === 'kvm' ? 1 : (this.#options.emulationWeight ?? 4))
    return Math.round((FULL * (busy / Math.max(1, cpus) + memory / Math.max(1, capabilities.memory))) / 2)
  }

  /** All but the disk. */
  #fit(needs: Needs, at: number, number = this.#needs.number(needs)): Fit {
    const offer = this.#offers[at] as Offer
    let known = this.#fits.get(number)
    if (known === undefined) this.#fits.set(number, (known = []))
    const fit = (known[this.#capabilities[at] ?? 0] ??= fitsKind(needs, offer.capabilities))
    if (needs.memory <= offer.memory && needs.vcpus <= offer.cpus * (this.#options.cpuOvercommit ?? 4)) return fit
    return { fits: false, lacks: [...(fit.fits ? [] : fit.lacks), ...sizeLacks(needs, offer, this.#options)] }
  }

  #kindOf(demand: Demand): Kind {
    const { on, barred, variants } = demand
    const number = this.#needs.number(demand)
    const plain = on === undefined && barred === undefined && variants === undefined
    const key = plain ? String(number) : JSON.stringify([number, on && [...on].sort(), barred && Object.entries(barred).sort(), variants && Object.entries(variants).map(([name, needs]) => [name, this.#needs.number(needs)]).sort()])
    let kind = this.#kinds.get(key)
    if (kind === undefined) {
      const places = on === undefined ? this.#offers.keys() : [...new Set(on)].flatMap((name) => this.#number.get(name) ?? []).sort((a, b) => a - b)
      const candidates: number[] = []
      const prices = new Float64Array(this.#offers.length)
      for (const at of places) {
        const { name } = this.#offers[at] as Offer
        const needs = needsOn(demand, name)
        const fit = this.#fit(needs, at, needs === demand ? number : undefined)
        if (!fit.fits || barredOn(demand, name).length > 0) continue
        candidates.push(at)
        prices[at] = this.#cost(needs, at, fit.virtType) + (fit.virtType === 'kvm' ? 0 : EMULATED)
      }
      this.#kinds.set(key, (kind = { candidates, prices, size: demand.vcpus + demand.memory / 1024 }))
    }
    return kind
  }

  #lacks(demand: Demand): Unplaced['lacks'] {
    const names = demand.on ?? this.#offers.map(({ name }) => name)
    const problems = new Map((this.#options.problems ?? []).map(({ name, problem }) => [name, problem]))
    const all = new Set([...names, ...(demand.on === undefined ? problems.keys() : [])])
    return Object.fromEntries([...all].sort(byName).map((name) => {
      const at = this.#number.get(name)
      if (at === undefined) return [name, [problems.get(name) ?? 'it is not among the hypervisors']]
      const needs = needsOn(demand, name)
      const fit = this.#fit(needs, at)
      return [name, [...barredOn(demand, name), ...(fit.fits ? [] : fit.lacks), ...diskLacks(needs.disk, this.#disks[at] ?? 0)]]
    }))
  }
}

function reasonOf({ on }: Demand, { candidates }: Kind, virtType: VirtType): string {
  const how = virtType === 'kvm' ? 'kvm' : 'emulated'
  if (on?.length === 1) return `asked for there, ${how}`
  if (candidates.length === 1) return `the only one that can run it, ${how}`
  return virtType === 'kvm' ? 'the least loaded with kvm' : `the least loaded of ${candidates.length}, emulated`
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function sorted<Item>(items: readonly Item[], nameOf: (item: Item) => string, what: 'machine' | 'hypervisor'): Item[] {
  const result = [...items].sort((a, b) => byName(nameOf(a), nameOf(b)))
  result.forEach((item, index) => {
    const before = result[index - 1]
    if (before !== undefined && nameOf(before) === nameOf(item)) throw new InputError(`duplicate-${what}`, `there are two ${what}s called ${nameOf(item)}`, { hint: 'give one of them another name' })
  })
  return result
}
