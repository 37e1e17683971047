/** What is kept of a command's output, and how it becomes lines. */
import { StringDecoder } from 'node:string_decoder'

/** The arrays into which zx collects output; their `push` is ours. */
export interface Store {
  readonly stdout: Buffer[]
  readonly stderr: Buffer[]
  readonly stdall: Buffer[]
  /** Whether bytes of standard output had to be let go. */
  readonly overflowed: () => boolean
}

/** Makes an array keep only its last `limit` bytes; `accepts` may turn a chunk away. */
function bounded(limit: number, accepts: (chunk: Buffer) => boolean): { chunks: Buffer[]; overflowed: boolean } {
  const kept = { chunks: [] as Buffer[], overflowed: false }
  let bytes = 0
  kept.chunks.push = (...added: Buffer[]): number => {
    for (const chunk of added) {
      if (!accepts(chunk)) continue
      bytes += chunk.length
      kept.chunks[kept.chunks.length] = chunk
      while (bytes > limit) {
        bytes -= kept.chunks.shift()?.length ?? 0
        kept.overflowed = true
      }
    }
    return kept.chunks.length
  }
  return kept
}

/**
 * Makes a store that keeps the last bytes of each output.
 * `stdall`, from which zx takes `text()`, `json()` and `lines()`, is standard output alone: a warning on standard error
 * must not end up in a value.
 */
export function createStore(stdoutBytes: number, stderrBytes = 65_536): Store {
  // zx pushes each chunk twice: into its own array, and at once into stdall, which here is the same array as stdout.
  let pushed: Buffer | undefined
  const stdout = bounded(stdoutBytes, (chunk) => {
    const again = chunk === pushed
    pushed = again ? undefined : chunk
    return !again
  })
  const stderr = bounded(stderrBytes, (chunk) => {
    pushed = chunk
    return true
  })
  return { stdout: stdout.chunks, stderr: stderr.chunks, stdall: stdout.chunks, overflowed: () => stdout.overflowed }
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
