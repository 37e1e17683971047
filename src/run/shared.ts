/** What hosts share: the values that tasks keep for a whole run, and what is remembered of the hypervisors of a recipe. */
import type { HypervisorMemory } from '../hypervisor/index.ts'

/** Values by their keys, each made once. */
export class Shared {
  readonly #values = new Map<string, unknown>()

  /** The value of that key: the one that `make` gave to whoever asked first. What throws is asked for again. */
  get<Value>(key: string, make: () => Value): Value {
    if (!this.#values.has(key)) this.#values.set(key, make())
    return this.#values.get(key) as Value
  }
}

/** Hosts whose tasks are delegated to one hypervisor share what is known of it: the change of one is news for all. */
export class Memories {
  readonly #memories = new Map<string, HypervisorMemory>()

  of(hypervisor: string): HypervisorMemory {
    let memory = this.#memories.get(hypervisor)
    if (memory === undefined) this.#memories.set(hypervisor, (memory = { facts: new Map(), domains: {} }))
    return memory
  }
}
