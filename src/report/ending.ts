/** What every report for people ends with: the failures together, one line of counts per host, the verdict, the results. */
import type { Event, Failure, Outcome, Recap } from '../events.ts'
import { EXIT } from '../errors.ts'
import { formatFailure } from './failure.ts'
import { clean, count, pad, paint, seconds, width, type Look } from './text.ts'

/** How an outcome looks everywhere. */
export const OUTCOME_LOOKS: Readonly<Record<Outcome, Look>> = { ok: 'green', changed: 'yellow', skipped: 'cyan', failed: 'red', unreachable: 'red' }

type RunEnd = Extract<Event, { type: 'run-end' }>
type Result = Extract<Event, { type: 'result' }>

/** Collects what the end needs while events pass by. */
export class Ending {
  readonly #failures: { readonly title: string; readonly failure: Failure }[] = []
  readonly #results: Result[] = []
  #check = false
  #end: RunEnd | undefined

  /** Takes note of one event. */
  add(event: Event): void {
    if (event.type === 'run-start') this.#check = event.check
    else if (event.type === 'failure') this.#failures.push({ title: '', failure: event.failure })
    else if (event.type === 'result') this.#results.push(event)
    else if (event.type === 'run-end') this.#end = event
    else if (event.type === 'task-end' && (event.outcome === 'failed' || event.outcome === 'unreachable')) {
      const failure = event.failure ?? { code: event.outcome, message: event.message ?? event.outcome }
      this.#failures.push({ title: `[${event.host}] ${event.task}`, failure: { ...failure, host: undefined, step: stepBeside(failure.step, event.task) } })
    }
  }

  /** All failures, each as a block with an empty line before it. */
  failures(colour: boolean): string[] {
    return this.#failures.flatMap(({ title, failure }) => {
      const heading = title === '' ? [] : [`${paint('red', 'failed', colour)} ${paint('bold', clean(title), colour)}`]
      const body = formatFailure(failure, { colour, prefix: title === '' ? 'farm: ' : '' })
      return ['', ...heading, ...(title === '' ? body : body.map((text) => `  ${text}`))]
    })
  }

  /** One line per host and the verdict. Empty when the run did not get as far as its end. */
  recap(colour: boolean): string[] {
    if (this.#end === undefined) return []
    const rows = Object.entries(this.#end.recap)
    const names = Math.max(0, ...rows.map(([host]) => width(clean(host))))
    return ['', ...rows.map(([host, counts]) => recapLine(pad(clean(host), names), counts, colour)), verdict(this.#end, this.#check, colour)]
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
  const cells = (['ok', 'changed', 'skipped', 'failed', 'unreachable'] as const)
    .filter((outcome) => counts[outcome] > 0)
    .map((outcome) => paint(OUTCOME_LOOKS[outcome], `${outcome} ${counts[outcome]}`, colour))
  return `${paint(worst, host, colour)}  ${cells.join('  ')}`
}

function verdict(end: RunEnd, check: boolean, colour: boolean): string {
  const changed = Object.values(end.recap).reduce((sum, counts) => sum + counts.changed, 0)
  const took = ` (${seconds(end.seconds)})`
  if (end.exitCode === EXIT.done) {
    const what = changed > 0 ? `${count(changed, 'task')} changed something` : check ? 'nothing would change' : 'nothing to change'
    return paint('green', `done: ${what}`, colour) + took
  }
  if (end.exitCode === EXIT.changesPending) return paint('yellow', `check: ${count(changed, 'task')} would change something; nothing was changed`, colour) + took
  if (end.exitCode === EXIT.interrupted) return paint('red', 'interrupted; the same command again continues', colour) + took
  if (end.exitCode === EXIT.unreachable) return paint('red', 'some hosts were not reached', colour) + took
  return paint('red', 'failed', colour) + took
}
