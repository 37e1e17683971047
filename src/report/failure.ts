/** Failures as people read them: what, where, why, and what to do next. */
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { formatLocation, type Location } from '../errors.ts'
import type { Failure } from '../events.ts'
import { clean, paint } from './text.ts'

/** Details beyond this many are left out, the oldest first: a console's last lines matter most. */
const MOST_DETAILS = 20
/** A larger file is not read for the sake of one quoted line. */
const MOST_BYTES = 4 * 1024 * 1024

/**
 * The lines in which a failure is shown. The first says what; indented below it follow the place in the file
 * with its source line, host and step, quoted details, the hint, and, when it is asked for, the stack.
 */
export function formatFailure(failure: Failure, options: { readonly colour: boolean; readonly prefix?: string; readonly stack?: boolean }): string[] {
  const { colour, prefix = 'farm: ', stack = false } = options
  const [first = '', ...more] = failure.message.trimEnd().split('\n')
  const lines = [paint('red', prefix, colour) + paint('bold', clean(first), colour)]
  lines.push(...more.map((text) => `  ${clean(text)}`))
  if (failure.location !== undefined) {
    lines.push(`  at ${formatLocation({ ...failure.location, file: shortPath(failure.location.file) })}`)
    // The details may show more of the file already.
    const quoted = failure.details?.some((detail) => detail.trimStart().startsWith(`${failure.location?.line} | `)) === true
    if (!quoted) lines.push(...quoteSource(failure.location).map((text) => paint('faint', `  ${text}`, colour)))
  }
  const where = [failure.host && `host ${clean(failure.host)}`, failure.step && `step ${clean(failure.step)}`].filter(Boolean)
  if (where.length > 0) lines.push(`  ${where.join(', ')}`)
  lines.push(...quoteDetails(failure.details ?? []).map((text) => `  ${paint('faint', '|', colour)} ${text}`))
  const [hint, ...steps] = (failure.hint ?? '').split('\n')
  if (hint) lines.push(`  ${paint('cyan', 'hint:', colour)} ${clean(hint)}`, ...steps.map((text) => `        ${clean(text)}`))
  if (stack) lines.push(...(failure.stack ?? []).map((text) => paint('faint', `  ${clean(text)}`, colour)))
  return lines
}

function quoteDetails(details: readonly string[]): string[] {
  const all = details.flatMap((detail) => detail.trimEnd().split('\n')).map(clean)
  const hidden = all.length - MOST_DETAILS
  return hidden > 0 ? [`(${hidden} lines before these)`, ...all.slice(hidden)] : all
}

/** The source line of a location and a caret under its column; nothing where it cannot be read. */
function quoteSource({ file, line, column }: Location): string[] {
  if (line === undefined) return []
  const source = readLine(file, line)
  if (source === undefined || source.trim() === '') return []
  const margin = `${line} | `
  const quoted = margin + clean(source)
  if (column === undefined || column > source.length + 1) return [quoted]
  const before = clean(source.slice(0, column - 1)).length
  return [quoted, `${' '.repeat(margin.length - 2)}| ${' '.repeat(before)}^`]
}

function readLine(file: string, line: number): string | undefined {
  try {
    const { size } = statSync(file)
    return size > MOST_BYTES ? undefined : readFileSync(file, 'utf8').split(/\r?\n/u)[line - 1]
  } catch {
    return undefined
  }
}

/** A path as the user would type it: relative when it lies below the current directory. */
function shortPath(file: string): string {
  const near = isAbsolute(file) ? relative(process.cwd(), file) : file
  return near.startsWith('..') || near === '' ? file : near
}
