/** What is kept of a command's output, and how it becomes lines. */
import { StringDecoder } from 'node:string_decoder'
import { relieve } from './relief.ts'

/** What is kept of a command's outputs, in the shape from which zx reads it. */
export interface Store {
  readonly stdout: Buffer[]
  readonly stderr: Buffer[]
  /** From this zx takes `text()`, `json()` and `lines()`: standard output alone, since a warning must not end up in a value. */
  readonly stdall: Buffer[]
  add(stream: 'stdout' | 'stderr', chunk: Buffer): void
  /** Whether bytes of standard output had to be let go. */
  overflowed(): boolean
}

/** Size of the blocks into which output is packed once there is more than one block of it. */
const BLOCK = 16_384

/**
 * Makes a store that keeps the last bytes of each output, to within a block.
 * Why packed: a chunk lives in memory of the size that it was read with, and keeping thousands of small ones keeps many times their size.
 */
export function createStore(stdoutBytes: number, stderrBytes = 65_536): Store {
  const stdout = new Tail(stdoutBytes)
  const stderr = new Tail(stderrBytes)
  return {
    stdout: stdout.chunks,
    stderr: stderr.chunks,
    stdall: stdout.chunks,
    add: (stream, chunk) => (stream === 'stdout' ? stdout : stderr).add(chunk),
    overflowed: () => stdout.overflowed,
  }
}

/** The end of a stream. */
class Tail {
  readonly chunks: Buffer[] = []
  overflowed = false
  readonly #limit: number
  #kept = 0
  /** The block that is being filled; `chunks` ends with a view of what is in it. */
  #block: Buffer | undefined
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(chunk: Buffer): void {
    this.#kept += chunk.length
    if (this.#kept <= BLOCK && this.#block === undefined) this.chunks.push(chunk)
    else this.#pack(chunk)
    if (this.#kept > this.#limit) this.overflowed = true
    for (let first = this.chunks[0]; first !== undefined && this.#kept > this.#limit; first = this.chunks[0]) {
      this.chunks.shift()
      this.#kept -= first.length
    }
  }

  #pack(chunk: Buffer): void {
    for (let done = 0; done < chunk.length; ) {
      if (this.#block === undefined || this.#used === BLOCK) {
        this.#block = Buffer.allocUnsafeSlow(BLOCK)
        this.#used = 0
        this.chunks.push(this.#block.subarray(0, 0))
      }
      const copied = chunk.copy(this.#block, this.#used, done)
      done += copied
      this.#used += copied
      this.chunks[this.chunks.length - 1] = this.#block.subarray(0, this.#used)
    }
  }
}

/** Longest line that is passed on in one piece, in characters. */
const LONGEST = 65_536

/** Turns chunks into lines; of a line that overwrites itself with carriage returns, its last state is taken. */
export function lineSplitter(onLine: (line: string) => void): { write(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const emit = (line: string): void => {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    onLine(text.slice(text.lastIndexOf('\r') + 1))
  }
  return {
    write(chunk) {
      relieve(chunk.length)
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) emit(line)
      if (rest.length > LONGEST) {
        emit(rest)
        rest = ''
      }
    },
    end() {
      rest += decoder.end()
      if (rest !== '') emit(rest)
      rest = ''
    },
  }
}

/** The last lines of some output that are worth showing with an error. */
export function lastLines(text: string, count = 20): string[] {
  const lines = text.trimEnd().split(/\r?\n/)
  return lines.length === 1 && lines[0] === '' ? [] : lines.slice(-count)
}

/** A command as messages show it: its first line. */
export function firstLine(command: unknown): string {
  const [first = '', ...rest] = String(command).trim().split('\n')
  return rest.length > 0 ? `${first.trimEnd()} …` : first
}
