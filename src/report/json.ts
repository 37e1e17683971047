/** The event stream for scripts: one JSON object a line, and nothing else. */
import type { Writable } from 'node:stream'
import type { Event } from '../events.ts'
import { Lines } from './lines.ts'

/** Writes every event as it comes. */
export class JsonReport {
  readonly #lines: Lines

  constructor(out: Writable) {
    this.#lines = new Lines(out)
  }

  readonly sink = (event: Event): void => {
    this.#lines.add(`${JSON.stringify(event)}\n`)
  }

  suspend(): Promise<void> {
    this.#lines.hold()
    return Promise.resolve()
  }

  resume(): void {
    this.#lines.release()
  }

  end(): Promise<void> {
    this.#lines.flush()
    return Promise.resolve()
  }
}
