/** Lines on their way to a stream, written together: one write for all that one turn of the event loop has to say. */
import type { Writable } from 'node:stream'

/** So many characters are written at once, whatever the turn still brings. */
const ENOUGH = 65_536
/** Bytes that may wait for a slow reader of a pipe; beyond them farm waits, too, lest 100 MB of output fill its memory. */
const MOST_WAITING = 1024 * 1024

/** Collects lines until the end of the turn. A stream that was closed gets no more. */
export class Lines {
  readonly #out: Writable
  #waiting = ''
  #turn: NodeJS.Immediate | undefined
  #held = false

  constructor(out: Writable) {
    this.#out = out
  }

  /** Adds text, with its line breaks. */
  add(text: string): void {
    this.#waiting += text
    if (this.#waiting.length > ENOUGH) this.flush()
    else this.#turn ??= setImmediate(() => { this.flush() })
  }

  /** Writes what waits, and from then on nothing until `release`. */
  hold(): void {
    this.flush()
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.flush()
  }

  /** Writes now what waits. Returns false when the reader cannot keep up: wait for `drain`. */
  flush(): boolean {
    clearImmediate(this.#turn)
    this.#turn = undefined
    if (this.#held) return true
    const text = this.#waiting
    this.#waiting = ''
    if (text === '' || this.#out.destroyed) return true
    if (this.#out.writableLength > MOST_WAITING) keepPace(this.#out)
    return this.#out.write(text)
  }
}

/** Makes writes to a pipe wait for its reader. Node has no public name for it; where it has none at all, memory has to do. */
function keepPace(out: Writable): void {
  const { _handle: handle } = out as Writable & { readonly _handle?: { setBlocking?(on: boolean): number } | null }
  handle?.setBlocking?.(true)
}
