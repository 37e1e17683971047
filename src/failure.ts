/** Errors as the event stream carries them, and the exit code that a run's failures add up to. */
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT, FarmError, InterruptedError, type Location } from './errors.ts'
import type { Failure } from './events.ts'
import { packaged } from './paths.ts'

/** Code that is not the user's: farm's own, and what it depends on. */
const OURS = [packaged('src'), packaged('dist', 'src'), packaged('bin')].map((dir) => dir + sep)

/** Turns whatever was thrown into a failure. Unexpected errors get the code `unexpected`, and the place in the user's code that they came through. */
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
  const stack = error instanceof Error ? error.stack?.split('\n') : undefined
  return { code: 'unexpected', message: `unexpected error: ${message}`, host, step, location: placeIn(stack ?? []), hint: 'this is a defect of farm or of a recipe; FARM_DEBUG=1 shows the stack', stack }
}

/** The first frame of a stack that lies in code of the user's; undefined when there is none. */
function placeIn(stack: readonly string[]): Location | undefined {
  for (const frame of stack) {
    // V8's frames: `    at name (file:line:column)`, or without the name; modules have file: addresses.
    const [, place = '', line, column] = /^ +at (?:.*\()?((?:file:\/\/)?\/.*):(\d+):(\d+)\)?$/.exec(frame) ?? []
    const file = place.startsWith('file:') ? fileURLToPath(place) : place
    if (file !== '' && !file.includes('/node_modules/') && !OURS.some((dir) => file.startsWith(dir))) return { file, line: Number(line), column: Number(column) }
  }
  return undefined
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
