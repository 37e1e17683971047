/** Where one host's tasks work: its own connection and those of the hosts that tasks are delegated to, and the host's lock. */
import { bindHost, type Connection } from '../host/index.ts'
import type { Lease } from './connections.ts'
import type { HostRunOptions } from './host-options.ts'

/** Opens what is asked for and keeps it until the host's run ends. */
export class Site {
  readonly #host: string
  readonly #options: HostRunOptions
  readonly #leases = new Map<string, Lease>()
  #lock: AsyncDisposable | undefined

  constructor(host: string, options: HostRunOptions) {
    this.#host = host
    this.#options = options
  }

  /** A connection to a host; the run's own host is locked when it is first worked on. `signal` ends the connecting. @throws UnreachableError, TemporaryError */
  async open(host: string, signal: AbortSignal): Promise<Connection> {
    let lease = this.#leases.get(host)
    if (lease === undefined) this.#leases.set(host, (lease = await this.#options.connections.lease(host, signal)))
    if (host === this.#host) await this.#takeLock(lease.connection)
    return lease.connection
  }

  /** A connection turned out to be broken: the next one who asks gets a new one. */
  drop(host: string): void {
    const lease = this.#leases.get(host)
    this.#leases.delete(host)
    lease?.broken()
    void lease?.release()
    if (host !== this.#host) return
    // It went with the connection: the next one takes it anew, or finds that somebody else has it.
    void this.#giveLockBack()
  }

  /** Closes a connection that leads to something that is no longer what it was: the next one who asks gets a new one. */
  async disconnect(host: string): Promise<void> {
    const lease = this.#leases.get(host)
    this.#leases.delete(host)
    // Before the next one takes it, or it would be in its own way.
    if (host === this.#host) await this.#giveLockBack()
    lease?.broken()
    await lease?.release().catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.#giveLockBack()
    for (const lease of this.#leases.values()) await lease.release().catch(() => undefined)
    this.#leases.clear()
  }

  async #giveLockBack(): Promise<void> {
    const lock = this.#lock
    this.#lock = undefined
    // A lock that went with a broken connection is no longer ours to give back.
    await lock?.[Symbol.asyncDispose]().then(undefined, () => undefined)
  }

  async #takeLock(connection: Connection): Promise<void> {
    const { compiled, check, owner, recipeName, connections } = this.#options
    if (this.#lock !== undefined || check || !compiled.recipe.lock) return
    const become = connections.become(this.#host, compiled.recipe.become)
    const silent = { check: true, changed: () => undefined, output: () => undefined }
    const host = bindHost(connection, { name: this.#host, recorder: silent, ...(become && { become }) })
    this.#lock = await this.#options.locks.take(host, `${owner} (pid ${process.pid}) since ${new Date().toISOString()}, farm run ${recipeName} on ${this.#host}`)
  }
}
