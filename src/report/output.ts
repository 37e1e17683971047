/** What one command prints on many hosts: `[host] line` as it comes, or grouped by what hosts have in common; then a summary. */
import type { Event, EventSink, Failure } from '../events.ts'
import { formatFailure } from './failure.ts'
import type { Streams } from './index.ts'
import { Lines } from './lines.ts'
import { Silence } from './silence.ts'
import { clean, count, list, noteLines, paint, seconds, type Look } from './text.ts'

export interface OutputOptions {
  readonly colour: boolean
  /** Show each host's output in one piece, in the end; hosts that printed the same share it. */
  readonly group: boolean
  /** From 1 on, say of every host how it ended. */
  readonly verbosity: number
}

/** Lines kept of one host where output is grouped: its last. */
const MOST_KEPT = 2_000
/** Failures that are told in full, with their hints. */
const MOST_FAILURES = 5
/** Hosts named in one line of the summary. */
const MOST_HOSTS = 20

type Stream = 'stdout' | 'stderr'
type TaskEnd = Extract<Event, { type: 'task-end' }>

interface HostOutput {
  readonly lines: string[]
  forgotten: number
  end: TaskEnd | undefined
}

/** Output goes where the command wrote it: to standard output or to standard error; all that farm says goes to standard error. */
export class OutputReport {
  readonly #to: Readonly<Record<Stream, Lines>>
  readonly #options: OutputOptions
  readonly #hosts = new Map<string, HostOutput>()
  /** Those worth more than a line, by what they say; hosts often fail alike. */
  readonly #failures = new Map<string, { readonly failure: Failure; readonly hosts: string[] }>()
  #last: Stream = 'stdout'
  #end: Extract<Event, { type: 'run-end' }> | undefined
  #check = false
  readonly #silence = new Silence(() => { this.#breakSilence() })

  constructor({ out, err }: Streams, options: OutputOptions) {
    this.#to = { stdout: new Lines(out), stderr: new Lines(err) }
    this.#options = options
  }

  readonly sink: EventSink = (event) => {
    switch (event.type) {
      case 'run-start':
        this.#check = event.check
        return
      case 'task-start':
        this.#of(event.host)
        return
      case 'change':
        if (!event.applied) this.#line('stdout', event.host, `would run: ${event.change.summary}`)
        return
      case 'output':
        this.#output(event)
        return
      case 'note':
        for (const text of noteLines(event)) this.#say(text)
        return
      case 'task-end':
        this.#finish(event)
        return
      case 'failure':
        this.#fail(event.failure, event.failure.host)
        return
      case 'run-end':
        this.#end = event
        return
      default:
    }
  }

  end(): Promise<void> {
    this.#silence.end()
    const { colour, group, verbosity } = this.#options
    if (group) this.#groups()
    for (const { failure, hosts } of [...this.#failures.values()].slice(0, MOST_FAILURES)) {
      const host = hosts.length === 0 ? undefined : list(hosts, MOST_HOSTS)
      this.#to.stderr.add(`${formatFailure({ ...failure, host, step: undefined }, { colour, stack: verbosity > 1 }).join('\n')}\n`)
    }
    const more = this.#failures.size - MOST_FAILURES
    if (more > 0) this.#say(`… and ${count(more, 'more failure')}: farm log last`)
    if (this.#end !== undefined) for (const text of this.#summary(this.#end)) this.#to.stderr.add(`${text}\n`)
    this.#to.stdout.flush()
    this.#to.stderr.flush()
    return Promise.resolve()
  }

  #of(name: string): HostOutput {
    const known = this.#hosts.get(name)
    if (known !== undefined) return known
    const host: HostOutput = { lines: [], forgotten: 0, end: undefined }
    this.#hosts.set(name, host)
    return host
  }

  #output({ host, stream, line }: Extract<Event, { type: 'output' }>): void {
    if (!this.#options.group) {
      this.#line(stream, host, line)
      return
    }
    const kept = this.#of(host)
    if (kept.lines.push(line) < 2 * MOST_KEPT) return
    kept.lines.splice(0, MOST_KEPT)
    kept.forgotten += MOST_KEPT
  }

  #finish(event: TaskEnd): void {
    // Taking the host's lock and the like are not what was asked for, unless they fail.
    const failed = event.outcome === 'failed' || event.outcome === 'unreachable'
    const host = this.#of(event.host)
    if (host.end === undefined || failed) host.end = event
    if (failed) {
      const { failure } = event
      const inFull = failure !== undefined && (failure.hint !== undefined || (failure.details ?? []).length > 0)
      if (inFull) this.#fail(failure, event.host)
      // What is told in full in the end is not told twice.
      if (!this.#options.group && (!inFull || this.#failures.size > MOST_FAILURES)) this.#line('stderr', event.host, reason(event), 'red')
    } else if (this.#options.verbosity > 0 && !this.#options.group) {
      this.#line('stderr', event.host, `${this.#check ? 'not run' : 'done'} (${seconds(event.seconds)})`, 'faint')
    }
  }

  #fail(failure: Failure, host: string | undefined): void {
    const key = JSON.stringify([failure.message, failure.hint, failure.details])
    const known = this.#failures.get(key) ?? { failure, hosts: [] }
    if (host !== undefined) known.hosts.push(host)
    this.#failures.set(key, known)
  }

  #groups(): void {
    const { colour } = this.#options
    const groups = new Map<string, string[]>()
    for (const [name, { lines, forgotten, end }] of this.#hosts) {
      const how = end === undefined ? 'not done' : isGood(end) ? '' : reason(end)
      const text = [how, forgotten === 0 ? '' : `(${forgotten} lines before these: farm log last -v)`, ...lines.map(clean)].join('\n')
      groups.set(text, [...(groups.get(text) ?? []), name])
    }
    for (const [text, names] of groups) {
      const [how = '', forgotten = '', ...lines] = text.split('\n')
      const heading = `── ${list(names, MOST_HOSTS)}${names.length > 1 ? ` (${names.length} hosts)` : ''}${how === '' ? '' : `: ${clean(how)}`}`
      this.#to.stdout.add(`${[paint(how === '' ? 'bold' : 'red', heading, colour), ...(forgotten === '' ? [] : [forgotten]), ...lines].join('\n')}\n`)
    }
  }

  #summary(end: Extract<Event, { type: 'run-end' }>): string[] {
    const { colour } = this.#options
    const ended = [...this.#hosts].flatMap(([name, host]) => (host.end === undefined ? [] : [{ name, end: host.end }]))
    const names = (wanted: (end: TaskEnd) => boolean): string[] => ended.filter((host) => wanted(host.end)).map(({ name }) => name)
    const good = names(isGood)
    const failed = ended.filter(({ end: { outcome, failure } }) => outcome === 'failed' && failure?.code !== 'interrupted')
    const brokenOff = names(({ failure }) => failure?.code === 'interrupted')
    const unreachable = names(({ outcome }) => outcome === 'unreachable')
    const undone = Object.keys(end.undone)
    const cell = (look: Look, word: string, number: number): string[] => (number === 0 ? [] : [paint(look, `${word} ${number}`, colour)])
    const cells = [...cell('green', this.#check ? 'would run on' : 'ok', good.length), ...cell('red', 'failed', failed.length), ...cell('red', 'unreachable', unreachable.length), ...cell('yellow', 'broken off', brokenOff.length), ...cell('yellow', 'not begun', undone.length)]
    const reasons = new Map<string, string[]>()
    for (const host of failed) reasons.set(reason(host.end), [...(reasons.get(reason(host.end)) ?? []), host.name])
    return [
      `${cells.length === 0 ? 'no host' : cells.join('  ')}  ${paint('faint', `(${seconds(end.seconds)})`, colour)}`,
      ...[...reasons].map(([why, hosts]) => `  ${clean(why)}: ${list(hosts, MOST_HOSTS)}`),
      ...(unreachable.length === 0 ? [] : [`  unreachable: ${list(unreachable, MOST_HOSTS)}`]),
      ...(brokenOff.length === 0 ? [] : [`  broken off: ${list(brokenOff, MOST_HOSTS)}`]),
      ...(undone.length === 0 ? [] : [`  not begun: ${list(undone, MOST_HOSTS)}`]),
    ]
  }

  #breakSilence(): void {
    const waiting = [...this.#hosts].filter(([, { end }]) => end === undefined).map(([name]) => name)
    if (waiting.length === 0) return
    this.#say(`still at it: ${list(waiting, MOST_HOSTS)}`)
    this.#to.stderr.flush()
  }

  #line(stream: Stream, host: string, text: string, look?: Look): void {
    const { colour } = this.#options
    const prefix = paint(stream === 'stdout' ? 'cyan' : 'yellow', `[${clean(host)}]`, colour)
    this.#write(stream, `${prefix} ${paint(look, clean(text), colour)}\n`)
  }

  #say(text: string): void {
    this.#write('stderr', `farm: ${clean(text)}\n`)
  }

  /** On a terminal both streams end at one place: what came first is to stand first. */
  #write(stream: Stream, text: string): void {
    this.#silence.heard()
    if (stream !== this.#last) this.#to[this.#last].flush()
    this.#last = stream
    this.#to[stream].add(text)
  }
}

function isGood({ outcome }: TaskEnd): boolean {
  return outcome !== 'failed' && outcome !== 'unreachable'
}

/** Why a host failed, in one line. */
function reason({ failure, message, outcome }: TaskEnd): string {
  return (failure?.message ?? message ?? outcome).split('\n')[0] ?? outcome
}
