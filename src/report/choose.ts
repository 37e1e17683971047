/** Which report suits the place that it is shown in. */

/** What `chooseReport` asks of a stream; a TTY stream has it all. */
export interface ScreenLike {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export type ReportKind = 'terminal' | 'plain' | 'json' | 'quiet'

/** A report and its look. */
export interface ReportChoice {
  readonly kind: ReportKind
  readonly colour: boolean
  /** False where only ASCII can be relied on: a Linux console, the C locale. */
  readonly unicode: boolean
}

/** The smallest screen on which a live picture is of use. */
const LEAST = { columns: 30, rows: 8 }

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Chooses: what a flag asks for; plain lines without a terminal, in CI, on a dumb or a tiny terminal; the live picture otherwise.
 * NO_COLOR and FORCE_COLOR decide colours (https://no-color.org, https://force-color.org); NO_COLOR wins.
 */
export function chooseReport(env: Environment, stdout: ScreenLike, flags: { readonly json?: boolean; readonly quiet?: boolean } = {}): ReportChoice {
  const choice = { colour: wantsColour(env, stdout), unicode: knowsUnicode(env) }
  if (flags.json === true) return { ...choice, kind: 'json' }
  if (flags.quiet === true) return { ...choice, kind: 'quiet' }
  const tiny = (stdout.columns ?? 80) < LEAST.columns || (stdout.rows ?? 24) < LEAST.rows
  const plain = stdout.isTTY !== true || inCi(env) || env['TERM'] === 'dumb' || tiny
  return { ...choice, kind: plain ? 'plain' : 'terminal' }
}

/** Whether text written to `stream` may be coloured. */
export function wantsColour(env: Environment, stream: ScreenLike): boolean {
  if (isSet(env['NO_COLOR'])) return false
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

function inCi(env: Environment): boolean {
  return isSet(env['CI']) && env['CI'] !== 'false' && env['CI'] !== '0'
}

/** An unset locale is taken for UTF-8: containers set none, and the terminal outside knows it. */
function knowsUnicode(env: Environment): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(isSet) ?? ''
  return env['TERM'] !== 'linux' && (locale === '' || /utf-?8/iu.test(locale))
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== ''
}
