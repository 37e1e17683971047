/** Errors as the event stream carries them, and the exit code that a run's failures add up to. */
import { EXIT, FarmError, InterruptedError } from './errors.ts'
import type { Failure } from './events.ts'

/** Turns whatever was thrown into a failure. Unexpected errors get the code `unexpected`. */
export function toFailure(error: unknown, host?: string, step?: string): Failure {
  if (error instanceof FarmError) {
    return {
      code: error.code,
      message: error.message,
      hint: error.hint,
      host: error.host ?? host,
      step: error.step ?? step,
      location: error.location,
      details: error.details.length === 0 ? undefined : error.details,
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'unexpected', message: `unexpected error: ${message}`, host, step, hint: 'this is a defect of farm or of a recipe; FARM_DEBUG=1 shows where it is' }
}

/** The exit code that an error asks for. */
export function exitCodeOf(error: unknown): number {
  return error instanceof FarmError ? error.exitCode : EXIT.unexpected
}

/**
 * The exit code of work that was broken off: what the aborted signal's reason asks for, else 130. Undefined when it was not aborted.
 * Only an interruption's own code counts: whatever else a reason may be, the work was interrupted.
 */
export function interruptedExitCode({ aborted, reason }: AbortSignal): number | undefined {
  if (!aborted) return undefined
  return reason instanceof InterruptedError ? reason.exitCode : EXIT.interrupted
}

/**
 * One code for a run: how it was interrupted; else what all failures share, or 2 when they differ; 3 when a check found changes; else 0.
 * `interrupted`: the run's signal, or true where there is none to ask.
 */
export function overallExitCode(codes: ReadonlySet<number>, options: { check: boolean; changed: boolean; interrupted: AbortSignal | boolean }): number {
  const { interrupted } = options
  const broken = typeof interrupted === 'boolean' ? (interrupted ? EXIT.interrupted : undefined) : interruptedExitCode(interrupted)
  if (broken !== undefined) return broken
  const [first] = codes
  if (first !== undefined) return codes.size === 1 ? first : EXIT.taskFailed
  return options.check && options.changed ? EXIT.changesPending : EXIT.done
}
