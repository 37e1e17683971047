/** One timestamped line after the other: for logs, CI, and terminals that cannot do more. */
import type { Writable } from 'node:stream'
import type { Change, Event, EventSink } from '../events.ts'
import { unifiedDiff } from './diff.ts'
import { Ending, outcomeLook, outcomeWord } from './ending.ts'
import { Lines } from './lines.ts'
import { Silence } from './silence.ts'
import { clean, count, list, noteLines, paint, seconds } from './text.ts'

/** What a reader wants to see beside the outcomes. */
export interface PlainOptions {
  readonly colour: boolean
  /** Show the difference of every change; check mode always does. */
  readonly diff: boolean
  /** From 1 on, the output of changing commands is shown too; from 2 on, every task's beginning. */
  readonly verbosity: number
}

/** Repeated progress of one task is shown at most this often. */
const PROGRESS_EVERY = 5_000
/** So many hosts are named where all of them are meant; the recap has them all. */
const MOST_HOSTS = 12

interface Place {
  readonly time: number
  readonly host: string
  readonly task: string
}

/** A task that has started and not ended. */
interface Open {
  readonly host: string
  /** Its name, and what is particular about it: `Restart sshd (handler)`. */
  readonly title: string
  readonly since: number
  announced: boolean
  progressShown: number
}

/** The report as a sink; `end` prints what belongs at the end. */
export class PlainReport {
  readonly #lines: Lines
  readonly #options: PlainOptions
  readonly #ending = new Ending()
  /** By host, then by task. */
  readonly #open = new Map<string, Map<string, Open>>()
  #check = false
  #clock = { second: NaN, text: '' }
  readonly #silence = new Silence((now) => { this.#breakSilence(now) })

  constructor(out: Writable, options: PlainOptions) {
    this.#lines = new Lines(out)
    this.#options = options
  }

  readonly sink: EventSink = (event) => {
    this.#ending.add(event)
    this.#show(event)
  }

  suspend(): Promise<void> {
    this.#lines.hold()
    return Promise.resolve()
  }

  resume(): void {
    this.#lines.release()
  }

  end(): Promise<void> {
    this.#silence.end()
    const { colour, verbosity } = this.#options
    this.#raw([...this.#ending.failures(colour, verbosity), ...this.#ending.recap(colour), ...this.#ending.results()])
    this.#lines.flush()
    return Promise.resolve()
  }

  #show(event: Event): void {
    switch (event.type) {
      case 'run-start':
        this.#check = event.check
        this.#line(event.time, `${event.recipe} on ${list(event.hosts, MOST_HOSTS) || 'no host'}: ${count(event.tasks.length, 'task')}${event.check ? ' (check mode: nothing is changed)' : ''}`)
        return
      case 'stage':
        this.#stamped(event.time, paint('bold', `── ${clean(event.title)} on ${list(event.hosts, MOST_HOSTS) || 'no host'}: ${count(event.tasks.length, 'task')}`, this.#options.colour))
        return
      case 'task-start':
        this.#start(event)
        return
      case 'retry':
        this.#within(event, `attempt ${event.attempt + 1} of ${event.attempts} in ${event.delay} s: ${firstLine(event.message)}`)
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
      case 'note':
        for (const text of noteLines(event)) this.#line(event.time, text)
        return
      case 'task-end':
        this.#finish(event)
        return
      case 'result':
      case 'failure':
      case 'run-end':
        return
      default:
        event satisfies never
    }
  }

  #start(event: Extract<Event, { type: 'task-start' }>): void {
    const { host, task, time, handler, delegate } = event
    const particulars = [handler === true ? 'handler' : '', delegate === undefined ? '' : `on ${delegate}`].filter(Boolean)
    const open: Open = { host, title: particulars.length === 0 ? task : `${task} (${particulars.join(', ')})`, since: time, announced: false, progressShown: -Infinity }
    const tasks = this.#open.get(host)
    if (tasks === undefined) this.#open.set(host, new Map([[task, open]]))
    else tasks.set(task, open)
    if (this.#options.verbosity > 1) this.#announce(event)
  }

  #finish(event: Extract<Event, { type: 'task-end' }>): void {
    const title = this.#find(event)?.title ?? event.task
    this.#open.get(event.host)?.delete(event.task)
    const outcome = paint(outcomeLook(event), outcomeWord(event), this.#options.colour)
    const tried = event.attempts === undefined || event.attempts < 2 ? '' : `, ${event.attempts} attempts`
    const message = event.message ?? (event.pardon === undefined ? undefined : event.failure?.message)
    const why = message === undefined ? '' : `: ${clean(firstLine(message))}`
    this.#stamped(event.time, `${clean(`[${event.host}] ${title}`)} … ${outcome} (${seconds(event.seconds)}${tried})${why}`)
  }

  #change(event: Extract<Event, { type: 'change' }>, { summary, diff }: Change): void {
    this.#within(event, event.applied ? summary : `would ${summary}`)
    if (diff !== undefined && (this.#options.diff || this.#check)) this.#raw(unifiedDiff(diff, this.#options.colour).map((text) => `    ${text}`))
  }

  #progress(event: Extract<Event, { type: 'progress' }>): void {
    const open = this.#find(event)
    if (open !== undefined && event.time - open.progressShown < PROGRESS_EVERY) return
    if (open !== undefined) open.progressShown = event.time
    this.#within(event, event.message)
  }

  #find({ host, task }: Place): Open | undefined {
    return this.#open.get(host)?.get(task)
  }

  /** A line that belongs to a task under way, below the task's own. */
  #within(event: Place, text: string): void {
    this.#announce(event)
    this.#line(event.time, `[${event.host}]   ${text}`)
  }

  /** Names a task before the first line that it has to say; a task with nothing to say takes one line in all. */
  #announce(event: Place): void {
    const open = this.#find(event)
    if (open === undefined || open.announced) return
    open.announced = true
    this.#line(event.time, `[${event.host}] ${open.title} …`)
  }

  #breakSilence(now: number): void {
    for (const tasks of this.#open.values()) {
      for (const { host, title, since } of tasks.values()) this.#line(now, `[${host}] ${title} … still at it (${seconds((now - since) / 1000)})`)
    }
    this.#lines.flush()
  }

  #line(time: number, text: string): void {
    this.#stamped(time, clean(text))
  }

  #stamped(time: number, text: string): void {
    this.#silence.heard()
    const second = Math.floor(time / 1000)
    if (second !== this.#clock.second) this.#clock = { second, text: paint('faint', clock(time), this.#options.colour) }
    this.#lines.add(`${this.#clock.text} ${text}\n`)
  }

  #raw(lines: readonly string[]): void {
    if (lines.length > 0) this.#lines.add(`${lines.join('\n')}\n`)
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

/** Local wall-clock time as HH:MM:SS. */
function clock(time: number): string {
  const date = new Date(time)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}
