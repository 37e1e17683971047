/**
 * Every failure that farm expects, as a class with a stable code and an exit code.
 *
 * A message says what was attempted, where, and why it did not work; the hint says what to type or change next.
 * The table of exit codes is part of farm's interface (see docs/exit-codes.md and test/unit/errors.test.ts).
 */

/** Exit codes of the `farm` command. */
export const EXIT = {
  done: 0,
  unexpected: 1,
  taskFailed: 2,
  changesPending: 3,
  unreachable: 4,
  usage: 64,
  badInput: 65,
  noCapacity: 69,
  tryAgain: 75,
  interrupted: 130,
} as const

/** What a shell reports of a program that a signal ended: 128 and the signal's number. */
export const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** The signals that end a run in order. */
export type EndingSignal = keyof typeof SIGNAL_EXIT

/** A place in a file: line and column count from 1. */
export interface Location {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** What an error knows beside its message. */
export interface ErrorFacts {
  /** Inventory name of the host on which it happened. */
  readonly host?: string | undefined
  /** The task or step that was under way. */
  readonly step?: string | undefined
  /** What the user can do next: a sentence, or a command to type. */
  readonly hint?: string | undefined
  /** Where the offending value was written. */
  readonly location?: Location | undefined
  /** Lines that help to understand: a command's standard error, a console's end. */
  readonly details?: readonly string[] | undefined
  readonly cause?: unknown
}

/** The root of all expected failures; `code` is a stable kebab-case name. */
export class FarmError extends Error {
  readonly code: string
  readonly exitCode: number
  host: string | undefined
  step: string | undefined
  readonly hint: string | undefined
  readonly location: Location | undefined
  readonly details: readonly string[]

  constructor(code: string, exitCode: number, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = new.target.name
    this.code = code
    this.exitCode = exitCode
    this.host = facts.host
    this.step = facts.step
    this.hint = facts.hint
    this.location = facts.location
    this.details = facts.details ?? []
  }
}

/** The command line does not say anything that farm can do (64). */
export class UsageError extends FarmError {
  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, EXIT.usage, message, facts)
  }
}

/** A file, a variable or an image is not what it has to be (65). */
export class InputError extends FarmError {
  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, EXIT.badInput, message, facts)
  }
}

/** A host cannot be reached or will not let us in (4). */
export class UnreachableError extends FarmError {
  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, EXIT.unreachable, message, facts)
  }
}

/** Memory, disk, addresses or ports do not suffice (69). */
export class CapacityError extends FarmError {
  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, EXIT.noCapacity, message, facts)
  }
}

/** Trouble that may pass by itself: a lock that another run holds (75). */
export class TemporaryError extends FarmError {
  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, EXIT.tryAgain, message, facts)
  }
}

/** A task did not succeed on a host (2). */
export class TaskError extends FarmError {
  constructor(code: string, message: string, facts?: ErrorFacts) {
    super(code, EXIT.taskFailed, message, facts)
  }
}

/** The user, or a signal, ended the run: 130, or what {@link SIGNAL_EXIT} has for `signal`. */
export class InterruptedError extends FarmError {
  readonly signal: EndingSignal

  constructor(message = 'interrupted', facts?: ErrorFacts & { readonly signal?: EndingSignal | undefined }) {
    const signal = facts?.signal ?? 'SIGINT'
    super('interrupted', SIGNAL_EXIT[signal], message, facts)
    this.signal = signal
  }
}

/** Writes a location the way editors and compilers do: `file:line:column`. */
export function formatLocation({ file, line, column }: Location): string {
  return [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':')
}
