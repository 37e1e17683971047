/** How hosts wait for each other: at most so many at once, in lock-step, and once for all. */
import type { TaskResult } from '../recipe/index.ts'
import type { Position } from './compile.ts'

/** Lets at most so many work at once, first come first served. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.#free = Math.max(1, limit)
  }

  async with<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    // Handed from one to the next, so that nobody slips in between.
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}

/** Where all hosts of a batch meet before each task; those at the earliest one go on together. */
export class LockStep {
  readonly #walking: Set<string>
  readonly #waiting = new Map<string, { readonly position: Position; readonly go: (together: readonly string[]) => void }>()
  #open = false

  constructor(hosts: readonly string[]) {
    this.#walking = new Set(hosts)
  }

  /** Waits until every host has come here, gone past, or left. Resolves with the hosts that go on together; undefined when nobody waits any more. */
  arrive(host: string, position: Position): Promise<readonly string[] | undefined> {
    if (this.#open || !this.#walking.has(host)) return Promise.resolve(undefined)
    return new Promise((go) => {
      this.#waiting.set(host, { position, go })
      this.#release()
    })
  }

  /** The host has nothing more to do with the others. */
  leave(host: string): void {
    this.#walking.delete(host)
    this.#release()
  }

  /** From now on nobody waits. */
  open(): void {
    this.#open = true
    for (const { go } of this.#waiting.values()) go([])
    this.#waiting.clear()
  }

  #release(): void {
    if (this.#waiting.size === 0 || this.#waiting.size < this.#walking.size) return
    const all = [...this.#waiting]
    const first = all.map(([, { position }]) => position).reduce((least, position) => (compare(position, least) < 0 ? position : least))
    const next = all.filter(([, { position }]) => compare(position, first) === 0)
    const together = next.map(([host]) => host)
    for (const [host, { go }] of next) {
      this.#waiting.delete(host)
      go(together)
    }
  }
}

function compare(a: Position, b: Position): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? -1) - (b[index] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}

/** What one host's work for all came to. */
export interface OnceResult {
  readonly host: string
  readonly result: TaskResult
}

/** Tasks that run on the first host alone: the first of those that have not failed or ended. */
export class OnceForAll {
  #hosts: string[]
  readonly #results = new Map<string, OnceResult>()
  readonly #waiting = new Map<string, Map<string, () => void>>()

  constructor(hosts: readonly string[]) {
    this.#hosts = [...hosts]
  }

  /**
   * Resolves with the result of the host that ran it, or undefined when the asking host is the one to run it.
   * @param among the hosts that may come here at all; the first of them that is left runs it
   */
  async turn(host: string, position: Position, among?: readonly string[]): Promise<OnceResult | undefined> {
    const key = position.join('.')
    const first = (): string | undefined => this.#hosts.find((other) => among === undefined || among.includes(other))
    while (!this.#results.has(key) && this.#hosts.includes(host) && first() !== host) {
      await new Promise<void>((resolve) => {
        const waiting = this.#waiting.get(key) ?? new Map<string, () => void>()
        this.#waiting.set(key, waiting.set(host, resolve))
      })
    }
    return this.#results.get(key)
  }

  done(position: Position, result: OnceResult): void {
    this.#results.set(position.join('.'), result)
    this.#wake()
  }

  leave(host: string): void {
    this.#hosts = this.#hosts.filter((other) => other !== host)
    this.#wake()
  }

  #wake(): void {
    for (const waiting of this.#waiting.values()) {
      for (const resolve of waiting.values()) resolve()
      waiting.clear()
    }
  }
}
