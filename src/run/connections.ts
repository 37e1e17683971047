/** One connection to each host for as long as somebody works there, however many tasks are delegated to it. */
import { FarmError } from '../errors.ts'
import { becomeSpec, connect, connectionVars, hostSpec, wayTo, type Become, type Connection } from '../host/index.ts'
import type { StepOptions } from '../recipe/index.ts'
import type { Scope } from '../vars/index.ts'
import { Semaphore } from './pace.ts'
import type { RunVariables } from './variables.ts'

/** A borrowed connection; given back, it is closed when nobody else has it. */
export interface Lease {
  readonly connection: Connection
  /** Somebody found it broken: who asks next gets a new one. */
  broken(): void
  release(): Promise<void>
}

/** An open connection, and the lease of the one that it goes through. */
interface Opened {
  readonly connection: Connection
  readonly via: Lease | undefined
}

interface Entry {
  readonly opening: Promise<Opened>
  users: number
}

/** Hosts that are logged in to at once: it takes the controller's CPU, and more at once would only wait for each other in memory. */
const HANDSHAKES = 50

/** Opens, shares and closes connections. */
export class Connections {
  readonly #variables: RunVariables
  readonly #entries = new Map<string, Entry>()
  readonly #handshakes = new Semaphore(HANDSHAKES)
  /** What scopes say of connections: every task asks. */
  readonly #read = new WeakMap<Scope, Record<string, unknown>>()

  constructor(variables: RunVariables) {
    this.#variables = variables
  }

  /** @param signal ends the connecting. @throws UnreachableError, InputError */
  async lease(host: string, signal: AbortSignal): Promise<Lease> {
    const entry = this.#entries.get(host) ?? { opening: this.#open(host, signal), users: 0 }
    this.#entries.set(host, entry)
    entry.users += 1
    const forget = (): void => {
      if (this.#entries.get(host) === entry) this.#entries.delete(host)
    }
    try {
      const { connection, via } = await entry.opening
      return {
        connection,
        broken: forget,
        release: async () => {
          entry.users -= 1
          if (entry.users > 0) return
          forget()
          await connection.close()
          await via?.release()
        },
      }
    } catch (error) {
      entry.users -= 1
      forget()
      throw error
    }
  }

  /** The hosts on the way to a host, itself first. @throws InputError for a circle */
  way(host: string): readonly string[] {
    return wayTo(host, (name) => this.#vars(name))
  }

  /** As whom a task works on a host; undefined for the login user. */
  become(host: string, wanted: StepOptions<unknown>['become']): Become | undefined {
    if (wanted === false) return undefined
    const vars = this.#vars(host)
    if (wanted === undefined) return becomeSpec(vars)
    const named = typeof wanted === 'object' ? { ...(wanted.user !== undefined && { ansible_become_user: wanted.user }), ...(wanted.method !== undefined && { ansible_become_method: wanted.method }) } : {}
    return becomeSpec({ ...vars, ...named, ansible_become: true })
  }

  /** Connects, through another host's connection where `farm_via` says so. */
  async #open(host: string, signal: AbortSignal): Promise<Opened> {
    const spec = hostSpec(host, this.#vars(host))
    const [, through] = this.way(host)
    for (let again = through !== undefined; ; again = false) {
      // Before there is room for a handshake, since it may need one itself.
      const via = through === undefined ? undefined : await this.lease(through, signal)
      try {
        return { connection: await this.#handshakes.with(() => connect({ ...spec, via: via?.connection }, { signal })), via }
      } catch (error) {
        // It is the other host's connection that is gone, which nobody had noticed.
        const lost = error instanceof FarmError && error.code === 'connection-lost'
        if (lost) via?.broken()
        await via?.release()
        if (!lost || !again || signal.aborted) throw error
      }
    }
  }

  #vars(host: string): Record<string, unknown> {
    const scope = this.#variables.scope(host)
    let vars = this.#read.get(scope)
    if (vars === undefined) this.#read.set(scope, (vars = connectionVars(scope)))
    return vars
  }
}
