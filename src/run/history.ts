/** Runs of the past, read from their journals. */
import { createReadStream, closeSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { EXIT, InputError, SIGNAL_EXIT, UsageError } from '../errors.ts'
import type { Event } from '../events.ts'
import { nearest } from '../suggest.ts'
import { isUnderWay, journalDir, journalFile, readHeader, type JournalHeader } from './journal.ts'

/** How a run ended, in words for a list. */
export type RunVerdict = 'done' | 'changes pending' | 'failed' | 'unreachable' | 'interrupted' | 'under way' | 'cut off'

/** One line of the list of runs. */
export interface PastRun {
  readonly run: string
  readonly name: string
  /** When it began, in milliseconds since the epoch. */
  readonly time: number
  /** On how many hosts; undefined when it did not get as far as that. */
  readonly hosts: number | undefined
  readonly check: boolean
  readonly verdict: RunVerdict
  /** Wall time; undefined when it has not ended. */
  readonly seconds: number | undefined
  readonly exitCode: number | undefined
  readonly header: JournalHeader
}

/** All runs of which there is a journal, newest first. A file that is no journal is passed over. */
export function listRuns(dir: string = journalDir()): PastRun[] {
  return runIds(dir).flatMap((run) => pastRun(run, dir) ?? [])
}

/** Ids of the runs, newest first: they begin with the time. */
function runIds(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => name.endsWith('.ndjson')).map((name) => basename(name, '.ndjson')).sort().reverse()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new InputError('journal', `the journals in ${dir} cannot be read: ${(cause as Error).message}`, { location: { file: dir }, cause })
  }
}

/**
 * Finds a run by its id, by the beginning of its id or by its last part (where only one has it), or as `last`.
 * @throws UsageError `unknown-run`
 */
export function findRun(typed: string, dir: string = journalDir()): PastRun {
  const ids = runIds(dir)
  const matches = typed === 'last' ? ids.slice(0, 1) : ids.includes(typed) ? [typed] : ids.filter((id) => id.startsWith(typed) || id.endsWith(`-${typed}`))
  const [only, second] = matches
  if (only !== undefined && second === undefined) {
    const run = pastRun(only, dir)
    if (run === undefined) throw new InputError('journal', `${journalFile(only, dir)} is not the journal of a run`)
    return run
  }
  if (only !== undefined) throw new UsageError('unknown-run', `${matches.length} runs are called "${typed}…"`, { hint: `which of them? ${matches.slice(0, 5).join(', ')}` })
  const near = nearest(typed, ['last', ...ids])
  throw new UsageError('unknown-run', ids.length === 0 ? 'there has been no run yet' : `there is no run called "${typed}"`, { hint: near === undefined ? '`farm log` lists them, `farm log last` shows the last' : `did you mean ${near}?` })
}

/** The events of a run, in order. What a crash left of a last line is passed over. */
export async function* readEvents(run: string, dir: string = journalDir()): AsyncGenerator<Event> {
  const lines = createInterface({ input: createReadStream(journalFile(run, dir)), crlfDelay: Infinity })
  for await (const line of lines) {
    const event = parseEvent(line)
    if (event !== undefined) yield event
  }
}

function parseEvent(line: string | undefined): Event | undefined {
  try {
    const event: unknown = JSON.parse(line ?? '')
    return typeof event === 'object' && event !== null && 'type' in event && event.type !== 'journal' ? (event as Event) : undefined
  } catch {
    return undefined
  }
}

function pastRun(run: string, dir: string): PastRun | undefined {
  const file = journalFile(run, dir)
  try {
    const header = readHeader(file)
    if (header === undefined) return undefined
    const start = edgeEvents(file, 'first').find((event) => event.type === 'run-start')
    const last = edgeEvents(file, 'last').at(-1)
    const end = last?.type === 'run-end' ? last : undefined
    return {
      run,
      name: header.name,
      time: header.time,
      hosts: end === undefined ? start?.hosts.length : Object.keys(end.recap).length,
      check: start?.check ?? false,
      verdict: end !== undefined ? verdictOf(end.exitCode) : last?.type === 'failure' ? 'failed' : isUnderWay(header) ? 'under way' : 'cut off',
      seconds: end?.seconds,
      exitCode: end?.exitCode,
      header,
    }
  } catch {
    // Removed since it was listed, or somebody else's.
    return undefined
  }
}

function verdictOf(exitCode: number): RunVerdict {
  if (exitCode === EXIT.done) return 'done'
  if (exitCode === EXIT.changesPending) return 'changes pending'
  if (exitCode === EXIT.unreachable) return 'unreachable'
  return Object.values<number>(SIGNAL_EXIT).includes(exitCode) ? 'interrupted' : 'failed'
}

/** A run's beginning stands in its first lines, its end in the last; what lies between may be long. */
const EDGE = 65_536
const MOST_EDGE = 16 * 1024 * 1024

/** The events at one end of a file, of which at least one is whole unless its line is endless. */
function edgeEvents(file: string, edge: 'first' | 'last'): Event[] {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    for (let length = Math.min(size, EDGE); ; length = Math.min(size, length * 8)) {
      const piece = Buffer.alloc(length)
      const read = readSync(descriptor, piece, 0, length, edge === 'first' ? 0 : size - length)
      const events = piece.toString('utf8', 0, read).split('\n').flatMap((line) => parseEvent(line) ?? [])
      if (events.length > 0 || length >= size || length > MOST_EDGE) return events
    }
  } finally {
    closeSync(descriptor)
  }
}
