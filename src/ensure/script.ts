/** How the primitives about packages, services, users, kernel settings and firewalls talk to a host: one script that reads, one that applies. */
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { shellQuote } from '../quote.ts'

/** What a script is given. */
export interface ScriptOptions {
  /** What is being done, for the error: `read user boreas`. */
  readonly what: string
  /** The positional parameters. */
  readonly args?: readonly string[] | undefined
  /** Standard input: for what nobody may see in a list of processes. */
  readonly input?: string | undefined
  /** What to do about a failure, from what the script printed on standard error. */
  readonly hint?: ((stderr: string) => string | undefined) | undefined
}

/**
 * Runs a script with `host.query` or with a change's `$`, and gives its standard output.
 * @throws TaskError `ensure-failed` with the last line that says why
 */
export async function runScript($: Shell, host: Host, script: string, { what, args = [], input, hint }: ScriptOptions): Promise<string> {
  const output = await $({ nothrow: true, ...(input === undefined ? {} : { input }) })`set -- ${[...args]}
eval ${script}`
  if (output.exitCode === 0) return output.stdout
  const said = (output.stderr.trim() === '' ? output.stdout : output.stderr).trim().split('\n')
  const reason = said.findLast((line) => line.trim() !== '')?.trim() ?? ''
  throw new TaskError('ensure-failed', `cannot ${what}: ${reason === '' ? `exit code ${output.exitCode ?? output.signal}` : reason}`, {
    host: host.name,
    details: said.length > 1 ? said.slice(-20) : [],
    hint: hint?.(output.stderr) ?? rootHint(output.stderr),
  })
}

function rootHint(stderr: string): string | undefined {
  return /permission denied|operation not permitted|only root|are you root|must be root|superuser|authentication is required/i.test(stderr) ? 'it may take become: true' : undefined
}

/** One command line of words. */
export function commandLine(words: readonly string[]): string {
  return words.map(shellQuote).join(' ')
}

/** Splits lines of `kind rest` by their kind. */
export function byKind(text: string): (kind: string) => string[] {
  const lines = text.split('\n').map((line) => [line.slice(0, line.indexOf(' ') < 0 ? line.length : line.indexOf(' ')), line.includes(' ') ? line.slice(line.indexOf(' ') + 1) : ''] as const)
  return (kind) => lines.filter(([first]) => first === kind).map(([, rest]) => rest)
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}
