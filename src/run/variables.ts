/** The variables of every host during a run: what the inventory says, what facts and tasks add, what the command line says last. */
import { FarmError, TaskError } from '../errors.ts'
import { scopeFor, type Inventory } from '../inventory/index.ts'
import type { Variables } from '../recipe/index.ts'
import { layerOf, untrusted, type Layer, type OtherHosts, type Scope } from '../vars/index.ts'

/** Reads, and remembers what tasks set. */
export class RunVariables {
  readonly #inventory: Inventory
  readonly #defaults: readonly Layer[]
  readonly #extra: readonly Layer[]
  readonly #set = new Map<string, Record<string, unknown>>()
  readonly #scopes = new Map<string, Scope>()
  /** What `hostvars` leads to: other hosts as they are now. */
  readonly #others: OtherHosts = { names: () => this.#inventory.hosts, scope: (host) => this.scope(host) }

  constructor(inventory: Inventory, defaults: readonly Layer[], extra: readonly Layer[]) {
    this.#inventory = inventory
    this.#defaults = defaults
    this.#extra = extra
  }

  /** @throws InputError for a name that is no host. */
  scope(host: string): Scope {
    let scope = this.#scopes.get(host)
    if (scope === undefined) {
      const set = this.#set.get(host)
      const above = set === undefined ? [] : [layerOf('set by a task', untrusted(set) as Record<string, unknown>)]
      this.#scopes.set(host, (scope = scopeFor(this.#inventory, host, { defaults: this.#defaults, above, extra: this.#extra, others: this.#others })))
    }
    return scope
  }

  /** Sets variables of a host, above what the inventory says. */
  set(host: string, values: Readonly<Record<string, unknown>>): void {
    this.#set.set(host, { ...this.#set.get(host), ...values })
    this.forget()
  }

  /** The inventory has changed, or a variable that others may read. */
  forget(): void {
    this.#scopes.clear()
  }

  /** As tasks see them: the present values, whatever happens to them later. */
  of(host: string): Variables {
    const failing = <T>(read: () => T): T => {
      try {
        return read()
      } catch (error) {
        // Found out only now, on one host: its task has failed.
        if (error instanceof FarmError) throw new TaskError(error.code, error.message, { host, hint: error.hint, location: error.location, details: error.details, cause: error })
        throw error
      }
    }
    return {
      get: (name) => failing(() => this.scope(host).get(name)),
      has: (name) => this.scope(host).has(name),
      names: () => [...this.scope(host).names()],
      origin: (name, path) => this.scope(host).origin(name, path),
      of: (other) => failing(() => { this.scope(other); return this.of(other) }),
    }
  }
}
