/** What is kept of a command's output, and how it becomes lines. */
import { StringDecoder } from 'node:string_decoder'

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

/** Makes a store that keeps the last bytes of each output. */
export function createStore(stdoutBytes: number, stderrBytes = 65_536): Store {
  const limits = { stdout: stdoutBytes, stderr: stderrBytes }
  const kept = { stdout: 0, stderr: 0 }
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  let overflowed = false
  return {
    stdout,
    stderr,
    stdall: stdout,
    add(stream, chunk) {
      const chunks = stream === 'stdout' ? stdout : stderr
      chunks.push(chunk)
      kept[stream] += chunk.length
      while (kept[stream] > limits[stream]) {
        kept[stream] -= chunks.shift()?.length ?? 0
        overflowed ||= stream === 'stdout'
      }
    },
    overflowed: () => overflowed,
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
