/** One timestamped line after the other: for logs, CI, and terminals that cannot do more. */
import type { Writable } from 'node:stream'
import type { Change, Event, EventSink } from '../events.ts'
import { unifiedDiff } from './diff.ts'
import { Ending, OUTCOME_LOOKS } from './ending.ts'
import { clean, count, paint, seconds } from './text.ts'

/** What a reader wants to see beside the outcomes. */
export interface PlainOptions {
  readonly colour: boolean
  /** Show the difference of every change; check mode always does. */
  readonly diff: boolean
  /** From 1 on, the output of changing commands is shown too. */
  readonly verbosity: number
}

/** Repeated progress of one task is shown at most this often. */
const PROGRESS_EVERY = 5_000
/** A task that says nothing for so long is mentioned, so that nobody takes the run for dead. */
const SILENCE = 30_000

/** A task that has started and not ended. */
interface Open {
  readonly host: string
  readonly task: string
  readonly since: number
  announced: boolean
  progressShown: number
}

/** The report as a sink; `end` prints what belongs at the end. */
export class PlainReport {
  readonly #out: Writable
  readonly #options: PlainOptions
  readonly #ending = new Ending()
  readonly #open = new Map<string, Open>()
  #check = false
  #spoke = Date.now()
  readonly #watch: NodeJS.Timeout

  constructor(out: Writable, options: PlainOptions) {
    this.#out = out
    this.#options = options
    this.#watch = setInterval(() => { this.#breakSilence() }, SILENCE / 3).unref()
  }

  readonly sink: EventSink = (event) => {
    this.#ending.add(event)
    this.#show(event)
  }

  end(): Promise<void> {
    clearInterval(this.#watch)
    const { colour } = this.#options
    this.#raw([...this.#ending.failures(colour), ...this.#ending.recap(colour), ...this.#ending.results()])
    return Promise.resolve()
  }

  #show(event: Event): void {
    switch (event.type) {
      case 'run-start':
        this.#check = event.check
        this.#line(event.time, `${event.recipe} on ${event.hosts.join(', ')}: ${count(event.tasks.length, 'task')}${event.check ? ' (check mode: nothing is changed)' : ''}`)
        return
      case 'task-start':
        this.#open.set(key(event), { host: event.host, task: event.task, since: event.time, announced: false, progressShown: -Infinity })
        return
      case 'change':
        this.#change(event, event.change)
        return
      case 'output':
        if (this.#options.verbosity > 0) this.#within(event, `| ${event.line}`)
        return
      case 'progress':
        this.#progress(event)
        return
      case 'rung':
        this.#announce(event)
        this.#line(event.time, `[${event.host}] ${event.machine}: ${event.rung} (${seconds(event.seconds)})${event.detail === undefined ? '' : ` ${event.detail}`}`)
        return
      case 'note': {
        const place = event.host === undefined ? '' : `[${event.host}] `
        this.#line(event.time, event.level === 'warning' ? `${place}warning: ${event.message}` : place + event.message)
        return
      }
      case 'task-end': {
        this.#open.delete(key(event))
        const outcome = paint(OUTCOME_LOOKS[event.outcome], event.outcome, this.#options.colour)
        const why = event.message === undefined ? '' : `: ${clean(event.message.split('\n')[0] ?? '')}`
        this.#stamped(event.time, `${clean(`[${event.host}] ${event.task}`)} … ${outcome} (${seconds(event.seconds)})${why}`)
        return
      }
      case 'result':
      case 'failure':
      case 'run-end':
        return
      default:
        event satisfies never
    }
  }

  #change(event: Extract<Event, { type: 'change' }>, { summary, diff }: Change): void {
    this.#within(event, event.applied ? summary : `would ${summary}`)
    if (diff !== undefined && (this.#options.diff || this.#check)) this.#raw(unifiedDiff(diff, this.#options.colour).map((text) => `    ${text}`))
  }

  #progress(event: Extract<Event, { type: 'progress' }>): void {
    const open = this.#open.get(key(event))
    if (open !== undefined && event.time - open.progressShown < PROGRESS_EVERY) return
    if (open !== undefined) open.progressShown = event.time
    this.#within(event, event.message)
  }

  /** A line that belongs to a task under way, below the task's own. */
  #within(event: { readonly time: number; readonly host: string; readonly task: string }, text: string): void {
    this.#announce(event)
    this.#line(event.time, `[${event.host}]   ${text}`)
  }

  /** Names a task before the first line that it has to say; a task with nothing to say takes one line in all. */
  #announce(event: { readonly time: number; readonly host: string; readonly task: string }): void {
    const open = this.#open.get(key(event))
    if (open === undefined || open.announced) return
    open.announced = true
    this.#line(event.time, `[${event.host}] ${event.task} …`)
  }

  #breakSilence(): void {
    const now = Date.now()
    if (now - this.#spoke < SILENCE) return
    for (const { host, task, since } of this.#open.values()) this.#line(now, `[${host}] ${task} … still at it (${seconds((now - since) / 1000)})`)
  }

  #line(time: number, text: string): void {
    this.#stamped(time, clean(text))
  }

  #stamped(time: number, text: string): void {
    this.#spoke = Date.now()
    this.#out.write(`${paint('faint', clock(time), this.#options.colour)} ${text}\n`)
  }

  #raw(lines: readonly string[]): void {
    if (lines.length > 0) this.#out.write(`${lines.join('\n')}\n`)
  }
}

function key({ host, task }: { readonly host: string; readonly task: string }): string {
  return `${host}\u0000${task}`
}

/** Local wall-clock time as HH:MM:SS. */
function clock(time: number): string {
  const date = new Date(time)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}
