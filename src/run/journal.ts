/**
 * A run's journal: one file of JSON lines in the user's state directory. The first line says whose it is ({@link JournalHeader}),
 * each other is an event as it happened, after secrets were masked. Written at once and in order, so that what is on disk after
 * a crash is a whole beginning; reading is history.ts's business.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, readSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../events.ts'
import { stateDir } from '../paths.ts'

/** Journals are kept of so many runs. */
const MOST_RUNS = 100
/** Text is written in pieces of about this many bytes, and at the latest after so many milliseconds while events come. */
const PIECE = 65_536
/** Bytes that wait at most: room for a piece and for a long event behind it. */
const ROOM = 4 * PIECE
/** No character of a JavaScript string takes more bytes in UTF-8 for each of its units. */
const WIDEST = 3
const NEW_LINE = 0x0a
const PATIENCE = 200
/** A command line is not longer than this. */
const LONGEST_HEADER = 4 * 1024 * 1024

/** The first line of a journal. */
export interface JournalHeader {
  readonly type: 'journal'
  readonly version: 1
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly run: string
  /** The recipe's name, or `exec`. */
  readonly name: string
  /** farm's own version. */
  readonly farm: string
  readonly argv: readonly string[]
  readonly cwd: string
  readonly pid: number
  /** What tells the process from a later one of the same number; undefined where the system does not say. */
  readonly birth: string | undefined
}

/** What a journal's opener knows. */
export type JournalFacts = Pick<JournalHeader, 'run' | 'name' | 'farm' | 'argv' | 'cwd'>

/** A run's id: when it began (local time), what it runs, and four characters that tell it from its like: `20261121-003238-provision-cluster-a1b2`. */
export function newRunId(name: string, now: Date = new Date()): string {
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('')
  const word = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '').slice(0, 40)
  return `${day}-${time}-${word || 'run'}-${randomBytes(2).toString('hex')}`
}

/** Where journals are kept: `$XDG_STATE_HOME/farm/runs`. */
export function journalDir(): string {
  return join(stateDir(), 'runs')
}

/** The file of a run's journal. */
export function journalFile(run: string, dir: string = journalDir()): string {
  return join(dir, `${run}.ndjson`)
}

/** Begins when a process began, in units that only make sense on the same system since its start: Linux alone tells. */
export function processBirth(pid: number): string | undefined {
  try {
    // proc(5): the name in parentheses may hold anything; field 22, starttime, is the 20th behind it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return ticks === undefined ? undefined : `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`
  } catch {
    return undefined
  }
}

/** True while the process that wrote a journal lives. */
export function isUnderWay({ pid, birth }: Pick<JournalHeader, 'pid' | 'birth'>): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // A process that we may not signal is alive.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return birth === undefined || processBirth(pid) === birth
}

/** Writes one run's journal. A directory or a disk that cannot be written never stops the run: `complain` is told once. */
export class Journal {
  readonly #complain: (message: string) => void
  #file: number | undefined
  /** What waits, as bytes. One buffer for the whole run: pieces that come and go leave the heap in shreds. */
  readonly #waiting = Buffer.allocUnsafeSlow(ROOM)
  #size = 0
  #written = performance.now()
  #timer: NodeJS.Timeout | undefined

  private constructor(complain: (message: string) => void) {
    this.#complain = complain
  }

  /** Creates the file (mode 0600, its directory 0700) with its header, and removes the oldest journals beyond the hundredth. */
  static open(facts: JournalFacts, complain: (message: string) => void, dir: string = journalDir()): Journal {
    const journal = new Journal(complain)
    const header: JournalHeader = { type: 'journal', version: 1, time: Date.now(), ...facts, pid: process.pid, birth: processBirth(process.pid) }
    journal.#try(() => {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      journal.#file = openSync(journalFile(facts.run, dir), 'ax', 0o600)
      process.once('exit', journal.#flush)
      journal.#add(header)
      journal.#flush()
    })
    if (journal.#file !== undefined) prune(dir)
    return journal
  }

  readonly sink = (event: Event): void => {
    if (this.#file === undefined) return
    this.#add(event)
    if (this.#size >= PIECE || performance.now() - this.#written > PATIENCE) this.#flush()
    else this.#timer ??= setTimeout(this.#flush, PATIENCE).unref()
  }

  /** Writes what waits. No event is taken after it. */
  close(): void {
    this.#flush()
    process.off('exit', this.#flush)
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #add(line: JournalHeader | Event): void {
    const text = JSON.stringify(line)
    const most = text.length * WIDEST + 1
    if (this.#size + most > ROOM) this.#flush()
    if (most > ROOM) {
      this.#try(() => { this.#write(Buffer.from(`${text}\n`)) })
    } else {
      this.#size += this.#waiting.write(text, this.#size)
      this.#waiting[this.#size++] = NEW_LINE
    }
  }

  readonly #flush = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiting = this.#waiting.subarray(0, this.#size)
    this.#size = 0
    if (waiting.length === 0) return
    this.#written = performance.now()
    this.#try(() => { this.#write(waiting) })
  }

  #write(bytes: Buffer): void {
    const file = this.#file
    if (file === undefined) return
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
  }

  #try(work: () => void): void {
    try {
      work()
    } catch (error) {
      const file = this.#file
      this.#file = undefined
      if (file !== undefined) closeQuietly(file)
      this.#complain(`this run's journal cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

function closeQuietly(file: number): void {
  try {
    closeSync(file)
  } catch {
    // It could not be written; that it cannot be closed either is no news.
  }
}

/** Removes the oldest journals, but none of a run that is under way. Names begin with the time, so they sort by age. */
function prune(dir: string): void {
  const names = readdirSync(dir).filter((name) => name.endsWith('.ndjson')).sort()
  for (const name of names.slice(0, Math.max(0, names.length - MOST_RUNS))) {
    const file = join(dir, name)
    try {
      const header = readHeader(file)
      if (header === undefined || !isUnderWay(header)) rmSync(file, { force: true })
    } catch {
      // Another run removes it at this moment, or it is not ours to remove.
    }
  }
}

/** A journal's first line; undefined when it is none. @throws what the system says of a file that cannot be read */
export function readHeader(file: string): JournalHeader | undefined {
  const descriptor = openSync(file, 'r')
  try {
    let text = ''
    const piece = Buffer.alloc(PIECE)
    for (let read = -1; read !== 0 && !text.includes('\n') && text.length < LONGEST_HEADER; text += piece.toString('latin1', 0, read)) read = readSync(descriptor, piece)
    const header: unknown = JSON.parse(Buffer.from(text.split('\n')[0] ?? '', 'latin1').toString())
    return typeof header === 'object' && header !== null && 'type' in header && header.type === 'journal' ? (header as JournalHeader) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  } finally {
    closeSync(descriptor)
  }
}
