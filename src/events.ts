/**
 * The event stream: all that a run has to say, in order. Runs emit it, reports read it, and nothing else prints.
 * `farm run --json` writes these objects one a line; `version` in `run-start` changes when a shape does.
 */
import type { Location } from './errors.ts'

/** How a task ended on a host. */
export type Outcome = 'ok' | 'changed' | 'skipped' | 'failed' | 'unreachable'

/** Where a starting machine stands, from the lowest rung to the highest. */
export const RUNGS = ['defined', 'running', 'firmware', 'kernel', 'address', 'ssh banner', 'login'] as const
export type Rung = (typeof RUNGS)[number]

/** A difference between what is and what shall be, ready to be shown. */
export interface Diff {
  /** What is compared: a path, or `domain boreas`. */
  readonly title: string
  readonly before: string
  readonly after: string
}

/** One difference that farm applies, or would apply in check mode. */
export interface Change {
  /** In the imperative, without a full stop: `define network anemoi`. */
  readonly summary: string
  readonly diff?: Diff | undefined
}

/** A failure as events carry it. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
  readonly host?: string | undefined
  readonly step?: string | undefined
  readonly location?: Location | undefined
  readonly details?: readonly string[] | undefined
  /** Of an unexpected error: its stack, line by line, the error itself first. */
  readonly stack?: readonly string[] | undefined
}

/** Counts of outcomes of one host. */
export interface Recap {
  readonly ok: number
  readonly changed: number
  readonly skipped: number
  readonly failed: number
  readonly unreachable: number
  /** Failures that a block's rescue made up for; they are not among `failed`. */
  readonly rescued: number
  /** Failures that a task was told to ignore; they are not among `failed`. */
  readonly ignored: number
}

interface At {
  /** Milliseconds since the epoch. */
  readonly time: number
}

export type Event = At &
  (
    | { readonly type: 'run-start'; readonly version: 1; readonly run: string; readonly recipe: string; readonly hosts: readonly string[]; readonly tasks: readonly string[]; readonly check: boolean }
    /** One recipe of a sequence, or one batch of `serial`, begins; left out where a run has but one of them. */
    | { readonly type: 'stage'; readonly title: string; readonly hosts: readonly string[]; readonly tasks: readonly string[] }
    /** `handler`: it runs because a change notified it. `delegate`: the host that it works on in place of `host`. */
    | { readonly type: 'task-start'; readonly host: string; readonly task: string; readonly handler?: boolean | undefined; readonly delegate?: string | undefined }
    /** An attempt failed, and another follows after `delay` seconds. */
    | { readonly type: 'retry'; readonly host: string; readonly task: string; readonly attempt: number; readonly attempts: number; readonly delay: number; readonly message: string }
    /** Emitted before the change is applied; `applied` is false in check mode. */
    | { readonly type: 'change'; readonly host: string; readonly task: string; readonly change: Change; readonly applied: boolean }
    /** One line that a changing command printed. */
    | { readonly type: 'output'; readonly host: string; readonly task: string; readonly stream: 'stdout' | 'stderr'; readonly line: string }
    /** A step of long work that is under way, e.g. `downloading disk.qcow2 (31 %)`. */
    | { readonly type: 'progress'; readonly host: string; readonly task: string; readonly message: string }
    /** A machine stands on a rung since now; `seconds` since its start was asked for. `detail`: the last console line, a reason. */
    | { readonly type: 'rung'; readonly host: string; readonly task: string; readonly machine: string; readonly rung: Rung; readonly seconds: number; readonly detail?: string | undefined }
    | { readonly type: 'note'; readonly level: 'info' | 'warning'; readonly message: string; readonly host?: string | undefined; readonly task?: string | undefined }
    /**
     * `seconds` of wall time; `message`: why it was skipped, what failed; `attempts` when it was tried more than once.
     * `pardon`: a failure that does not count, because a rescue follows or because the task may fail.
     */
    | { readonly type: 'task-end'; readonly host: string; readonly task: string; readonly outcome: Outcome; readonly seconds: number; readonly message?: string | undefined; readonly failure?: Failure | undefined; readonly attempts?: number | undefined; readonly pardon?: 'rescued' | 'ignored' | undefined }
    /** What the run made, for people and scripts: shown last. `lines` are for people, `data` for scripts. */
    | { readonly type: 'result'; readonly host: string; readonly lines: readonly string[]; readonly data: unknown }
    /** A failure that belongs to no task: bad input, an unexpected error. */
    | { readonly type: 'failure'; readonly failure: Failure }
    /** `undone`: by host, the tasks that were planned and never begun; hosts that got through are left out. */
    | { readonly type: 'run-end'; readonly recap: Readonly<Record<string, Recap>>; readonly exitCode: number; readonly seconds: number; readonly undone: Readonly<Record<string, readonly string[]>> }
  )

/** An event without its time, as its emitter writes it. */
export type EventBody = Event extends infer E ? (E extends Event ? Omit<E, 'time'> : never) : never

/** Receives events in order; must not throw. */
export type EventSink = (event: Event) => void
