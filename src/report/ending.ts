/** What every report for people ends with: the failures together, one line of counts per host, the verdict, the results. */
import type { Event, Failure, Outcome, Recap } from '../events.ts'
import { EXIT, SIGNAL_EXIT } from '../errors.ts'
import { formatFailure } from './failure.ts'
import { clean, count, list, pad, paint, seconds, width, type Look } from './text.ts'

/** How an outcome looks everywhere. */
export const OUTCOME_LOOKS: Readonly<Record<Outcome, Look>> = { ok: 'green', changed: 'yellow', skipped: 'cyan', failed: 'red', unreachable: 'red' }

/** Up to so many tasks that were left undone are named; of more, the first. */
const MOST_UNDONE = 1
/** Hosts are named up to this many in one line. */
const MOST_HOSTS = 10

type RunEnd = Extract<Event, { type: 'run-end' }>
type TaskEnd = Extract<Event, { type: 'task-end' }>
type Result = Extract<Event, { type: 'result' }>

/** How a task ended; `pardon` where a failure does not count. */
export type Ended = Pick<TaskEnd, 'outcome' | 'pardon'>

/** An outcome in words: a failure that does not count says so. */
export function outcomeWord({ outcome, pardon }: Ended): string {
  return pardon === undefined ? outcome : `${outcome}, ${pardon}`
}

/** How it looks: a failure that does not count is no alarm. */
export function outcomeLook({ outcome, pardon }: Ended): Look {
  return pardon === undefined ? OUTCOME_LOOKS[outcome] : 'yellow'
}

/** Collects what the end needs while events pass by. */
export class Ending {
  readonly #failures: { readonly title: string; readonly failure: Failure }[] = []
  readonly #results: Result[] = []
  /** Hosts by the task that an interruption ended. */
  readonly #brokenOff = new Map<string, string[]>()
  #check = false
  #end: RunEnd | undefined

  /** Takes note of one event. */
  add(event: Event): void {
    if (event.type === 'run-start') this.#check = event.check
    else if (event.type === 'failure') this.#failures.push({ title: '', failure: event.failure })
    else if (event.type === 'result') this.#results.push(event)
    else if (event.type === 'run-end') this.#end = event
    else if (event.type === 'task-end' && event.pardon === undefined && (event.outcome === 'failed' || event.outcome === 'unreachable')) {
      if (event.failure?.code === 'interrupted') {
        this.#brokenOff.set(event.task, [...(this.#brokenOff.get(event.task) ?? []), event.host])
        return
      }
      const failure = event.failure ?? { code: event.outcome, message: event.message ?? event.outcome }
      this.#failures.push({ title: `[${event.host}] ${event.task}`, failure: { ...failure, host: undefined, step: stepBeside(failure.step, event.task) } })
    }
  }

  /** All failures, each as a block with an empty line before it; unexpected ones with their stacks from verbosity 2 on. */
  failures(colour: boolean, verbosity: number): string[] {
    return this.#failures.flatMap(({ title, failure }) => {
      const heading = title === '' ? [] : [`${paint('red', 'failed', colour)} ${paint('bold', clean(title), colour)}`]
      const body = formatFailure(failure, { colour, prefix: title === '' ? 'farm: ' : '', stack: verbosity > 1 })
      return ['', ...heading, ...(title === '' ? body : body.map((text) => `  ${text}`))]
    })
  }

  /** One line per host, what was left undone, and the verdict. Empty when the run did not get as far as its end. */
  recap(colour: boolean): string[] {
    if (this.#end === undefined) return []
    const rows = Object.entries(this.#end.recap)
    const names = Math.max(0, ...rows.map(([host]) => width(clean(host))))
    // A task that the user ended has no cause to be told, and would be told for every host.
    const brokenOff = [...this.#brokenOff].map(([task, hosts]) => `${paint('yellow', 'broken off:', colour)} ${list(hosts, MOST_HOSTS)}: "${clean(task)}"`)
    const undone = [...brokenOff, ...undoneLines(this.#end, colour)]
    return [
      '',
      ...rows.map(([host, counts]) => recapLine(pad(clean(host), names), counts, colour)),
      ...(undone.length === 0 ? [] : ['', ...undone]),
      verdict(this.#end, this.#check, colour),
    ]
  }

  /** What the run made, as its recipe words it. */
  results(): string[] {
    const lines = this.#results.flatMap((result) => result.lines).map(clean)
    return lines.length === 0 ? [] : ['', ...lines]
  }
}

/** A failure's step is worth a line only where it says more than the task's title. */
function stepBeside(step: string | undefined, task: string): string | undefined {
  return step === task ? undefined : step
}

function recapLine(host: string, counts: Recap, colour: boolean): string {
  const worst: Look | undefined = counts.failed + counts.unreachable > 0 ? 'red' : counts.changed > 0 ? 'yellow' : 'green'
  const cells = (['ok', 'changed', 'skipped', 'rescued', 'ignored', 'failed', 'unreachable'] as const)
    .filter((name) => counts[name] > 0)
    .map((name) => paint(name === 'rescued' || name === 'ignored' ? 'yellow' : OUTCOME_LOOKS[name], `${name} ${counts[name]}`, colour))
  return `${paint(worst, host, colour)}  ${cells.join('  ')}`.trimEnd()
}

/** What was left undone: `web1: 3 tasks from "Restart sshd"`. A failed host says itself why it went no further; others ended because of it, or of the user. */
function undoneLines({ undone, exitCode, recap }: RunEnd, colour: boolean): string[] {
  const failed = (host: string): boolean => (recap[host]?.failed ?? 0) + (recap[host]?.unreachable ?? 0) > 0
  const rows = Object.entries(undone).filter(([host, tasks]) => tasks.length > 0 && (wasInterrupted(exitCode) || !failed(host)))
  // Hosts that stand at the same place share a line.
  const places = new Map<string, string[]>()
  for (const [host, tasks] of rows) {
    const what = tasks.length <= MOST_UNDONE ? `"${clean(tasks[0] ?? '')}"` : `${count(tasks.length, 'task')} from "${clean(tasks[0] ?? '')}" on`
    places.set(what, [...(places.get(what) ?? []), host])
  }
  return [...places].map(([what, hosts]) => `${paint('yellow', 'left undone:', colour)} ${list(hosts, MOST_HOSTS)}: ${what}`)
}

function wasInterrupted(exitCode: number): boolean {
  return Object.values<number>(SIGNAL_EXIT).includes(exitCode)
}

function verdict(end: RunEnd, check: boolean, colour: boolean): string {
  const changed = Object.values(end.recap).reduce((sum, counts) => sum + counts.changed, 0)
  const took = ` (${seconds(end.seconds)})`
  if (end.exitCode === EXIT.done) {
    const what = changed > 0 ? `${count(changed, 'task')} changed something` : check ? 'nothing would change' : 'nothing to change'
    return paint('green', `done: ${what}`, colour) + took
  }
  if (end.exitCode === EXIT.changesPending) return paint('yellow', `check: ${count(changed, 'task')} would change something; nothing was changed`, colour) + took
  if (wasInterrupted(end.exitCode)) return paint('red', 'interrupted; the same command again continues', colour) + took
  if (end.exitCode === EXIT.unreachable) return paint('red', 'some hosts were not reached', colour) + took
  return paint('red', 'failed', colour) + took
}
