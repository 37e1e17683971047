/** What the end of a command means: nothing, or one of farm's own errors. */
import type { ProcessOutput } from 'zx/core'
import { FarmError, TaskError } from '../errors.ts'
import type { Run } from './command.ts'
import { firstLine, lastLines } from './output.ts'

/** The error that a finished command means, if any. What is not about its exit status is an error even with `nothrow`. */
export function verdict(run: Run, command: string, output: ProcessOutput): FarmError | undefined {
  const host = run.engine.host
  if (run.failure !== undefined) return run.failure
  const cause: unknown = output.cause
  if (cause instanceof FarmError && run.upstream?.failure === undefined) {
    cause.host ??= host
    return (run.failure = cause)
  }
  if (run.engine.whole === true && run.store.overflowed() && !run.piped) {
    return (run.failure = new TaskError('command-output', `${firstLine(command)}: printed more than ${run.engine.keep} bytes`, { host, hint: 'pipe the output to a file' }))
  }
  if (run.nothrow) return undefined
  // As with pipefail: what the second command made of half an input is no success.
  if (run.upstream?.failure !== undefined) return (run.failure = run.upstream.failure)
  if (output.ok) return undefined
  const summary = firstLine(command)
  const details = lastLines(output.stderr.trim() === '' ? output.stdout : output.stderr)
  if (run.timedOut !== undefined) {
    return (run.failure = new TaskError('command-timeout', `${summary}: not done after ${run.timedOut / 1000} s`, { host, details }))
  }
  const end = output.exitCode === null ? `ended by ${output.signal ?? 'an unknown cause'}` : `exit code ${output.exitCode}`
  const hint = output.exitCode === 127 ? 'a command is not installed on the host, or not on its PATH' : undefined
  return (run.failure = new TaskError('command-failed', `${summary}: ${end}`, { host, details, hint, cause }))
}
