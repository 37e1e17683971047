/** Only what cannot be done without: failures on standard error, results on standard output. */
import type { EventSink } from '../events.ts'
import { Ending } from './ending.ts'
import type { Streams } from './index.ts'

/** Keeps silent until the end. */
export class QuietReport {
  readonly #ending = new Ending()
  readonly #streams: Streams
  readonly #colour: boolean
  readonly #verbosity: number

  constructor(streams: Streams, colour: boolean, verbosity: number) {
    this.#streams = streams
    this.#colour = colour
    this.#verbosity = verbosity
  }

  readonly sink: EventSink = (event) => {
    this.#ending.add(event)
  }

  end(): Promise<void> {
    for (const text of this.#ending.failures(this.#colour, this.#verbosity).slice(1)) this.#streams.err.write(`${text}\n`)
    for (const text of this.#ending.results().slice(1)) this.#streams.out.write(`${text}\n`)
    return Promise.resolve()
  }
}
