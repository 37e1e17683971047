/**
 * Readers of the event stream. A run emits events (src/events.ts); a report shows them: as a live picture in a terminal,
 * as timestamped lines, as JSON, or hardly at all. Reports know events and nothing else.
 */
import type { Writable } from 'node:stream'
import type { EventSink } from '../events.ts'
import { masked } from '../secrets.ts'
import type { ReportKind } from './choose.ts'
import type { OutputOptions } from './output.ts'
import { JsonReport } from './json.ts'
import type { JunitReport } from './junit.ts'

export { chooseReport, wantsColour, type ReportChoice, type ReportKind, type ScreenLike } from './choose.ts'
export { formatFailure } from './failure.ts'
export type { JunitReport } from './junit.ts'
export { clean, count, cut, list, pad, paint, seconds, width, wrap, type Look } from './text.ts'

/** Where a report writes. */
export interface Streams {
  readonly out: Writable
  readonly err: Writable
}

/** How much a report shows; all have a default. */
export interface ReportOptions {
  /** Default false. */
  readonly colour?: boolean | undefined
  /** Default true. */
  readonly unicode?: boolean | undefined
  /** Show the difference of every change; check mode always does. Default false. */
  readonly diff?: boolean | undefined
  /** From 1 on, the output of changing commands is shown too; from 2 on, every task's beginning and the stacks of unexpected errors. Default 0. */
  readonly verbosity?: number | undefined
}

/** A reader of one run's events. */
export interface Report {
  readonly sink: EventSink
  /** Leaves the terminal to somebody else; events are still taken. Left out by reports that say nothing before the end. */
  suspend?(): Promise<void>
  /** Goes on after {@link suspend}. */
  resume?(): void
  /** Prints what belongs at the end (failures, recap, results) and gives the terminal back. To be called once, whatever happened. */
  end(): Promise<void>
}

/** A sink through which no secret gets to those behind it: the one place through which all events of a run pass. */
export function withoutSecrets(...sinks: readonly EventSink[]): EventSink {
  return (event) => {
    const harmless = masked(event)
    for (const sink of sinks) sink(harmless)
  }
}

/** Makes the report of one command on many hosts: `exec` shows what it prints, and little else. */
export async function createOutputReport(streams: Streams, options: OutputOptions): Promise<Report> {
  const { OutputReport } = await import('./output.ts')
  return new OutputReport(streams, options)
}

/** Makes the JUnit report of a run. @throws UsageError `junit-file` when the file cannot be written */
export async function createJunitReport(file: string): Promise<JunitReport> {
  const { JunitReport: Report } = await import('./junit.ts')
  return new Report(file)
}

/** Makes a report; what it needs is imported only now. */
export async function createReport(kind: ReportKind, streams: Streams, options: ReportOptions = {}): Promise<Report> {
  const { colour = false, unicode = true, diff = false, verbosity = 0 } = options
  switch (kind) {
    case 'json':
      return new JsonReport(streams.out)
    case 'quiet': {
      const { QuietReport } = await import('./quiet.ts')
      return new QuietReport(streams, colour, verbosity)
    }
    case 'plain': {
      const { PlainReport } = await import('./plain.ts')
      return new PlainReport(streams.out, { colour, diff, verbosity })
    }
    case 'terminal': {
      const { TerminalReport } = await import('./terminal.ts')
      return new TerminalReport(streams, { colour, unicode, diff, verbosity })
    }
  }
}
