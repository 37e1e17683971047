/**
 * Arguments into options. A strict pass of our own rewrites argv into the one form that minimist reads without guessing
 * (`--name=value` for what is declared); minimist then collects. Whatever is not declared, empty or ambiguous is a usage
 * error: an option that is silently misread could widen a run to hosts that nobody meant. The only file that knows minimist.
 */
import minimist from 'minimist'
import { UsageError } from '../errors.ts'
import type { Option, OptionTable, OptionValues } from './options.ts'
import { nearest } from '../suggest.ts'

/** What was read from an argv. */
export interface Parsed<T extends OptionTable> {
  readonly options: OptionValues<T>
  /** Words that are no options, in order, as they were typed. */
  readonly words: readonly string[]
  /** What stands behind `--`, or behind the last word that is farm's; undefined when there is no such thing. */
  readonly rest: readonly string[] | undefined
}

/** An argument list in canonical form. */
interface Canonical {
  readonly options: string[]
  readonly words: string[]
  rest: string[] | undefined
}

/**
 * Parses `argv` by `table`.
 *
 * @param ownWords after so many words everything is `rest`, options too (`farm ssh NAME ls -l`).
 * @throws UsageError for an unknown option (with the nearest known one), a missing or empty value, a value where none belongs,
 *   a repeated single value, a number out of bounds.
 */
export function parseArgv<const T extends OptionTable>(argv: readonly string[], table: T, ownWords = Infinity): Parsed<T> {
  const { options, words, rest } = canonicalize(argv, table, ownWords)
  const names = Object.keys(table)
  const valued = names.filter((name) => takesValue(table[name]) || table[name]?.kind === 'switch')
  const counts = names.filter((name) => table[name]?.kind === 'count')
  // A count travels as a text of its own so that `-vvv` is three and not one.
  const read = minimist(options, { string: [...valued, ...counts], boolean: names.filter((name) => table[name]?.kind === 'flag') })
  const values = names.map((name) => [name, valueOf(name, table[name], read[name])] as const)
  return { options: Object.fromEntries(values) as OptionValues<T>, words, rest }
}

function canonicalize(argv: readonly string[], table: OptionTable, ownWords: number): Canonical {
  const done: Canonical = { options: [], words: [], rest: undefined }
  const queue = [...argv]
  for (let token = queue.shift(); token !== undefined; token = queue.shift()) {
    if (token === '--' || done.words.length >= ownWords) {
      done.rest = token === '--' ? queue.splice(0) : [token, ...queue.splice(0)]
    } else if (token.startsWith('--')) {
      const [, name = '', value] = /^--([^=]*)(?:=([\s\S]*))?$/u.exec(token) ?? []
      take(done, queue, table, name, `--${name}`, value)
    } else if (token.startsWith('-') && token.length > 1) {
      takeShort(done, queue, table, token)
    } else {
      done.words.push(token)
    }
  }
  return done
}

/** `-v`, `-vvv`, `-CD`, `-e X`, `-eX`, `-e=X`: letters in a bunch, the last of which may have a value. */
function takeShort(done: Canonical, queue: string[], table: OptionTable, token: string): void {
  const letters = token.slice(1)
  for (const [index, letter] of [...letters].entries()) {
    const found = Object.entries(table).find(([, option]) => option.short === letter)
    if (found === undefined) throw unknown(`-${letter}`, letters.length < 3 ? undefined : nearest(letters, Object.keys(table)), table)
    const [name, option] = found
    if (!takesValue(option)) {
      if (letters[index + 1] === '=') throw noValue(`-${letter}`)
      take(done, queue, table, name, `-${letter}`, undefined)
      continue
    }
    const behind = letters.slice(index + 1)
    take(done, queue, table, name, `-${letter}`, behind === '' ? undefined : behind.replace(/^=/u, ''))
    return
  }
}

function take(done: Canonical, queue: string[], table: OptionTable, name: string, typed: string, attached: string | undefined): void {
  const option = Object.hasOwn(table, name) ? table[name] : undefined
  if (option === undefined) throw unknown(typed, nearest(name.replace(/^no-/u, ''), Object.keys(table)), table)
  if (option.kind === 'switch') {
    done.options.push(`--${name}=${attached ?? 'true'}`)
    return
  }
  if (!takesValue(option)) {
    if (attached !== undefined) throw noValue(typed)
    done.options.push(option.kind === 'count' ? `--${name}=1` : `--${name}`)
    return
  }
  const value = attached ?? nextValue(queue, typed, option)
  if (value.trim() === '') throw new UsageError('empty-value', `option ${typed} has an empty value`, { hint: `give it a value, or leave ${typed} out` })
  done.options.push(`--${name}=${value}`)
}

/** The next argument, unless it looks like an option: `--limit --check` must not become a limit of nothing. */
function nextValue(queue: string[], typed: string, option: Option): string {
  const next = queue[0]
  if (next === undefined || (next.startsWith('-') && next.length > 1)) {
    const what = option.value ?? 'value'
    throw new UsageError('missing-value', `option ${typed} needs a ${what}${next === undefined ? '' : `, but ${next} follows`}`, {
      hint: next === undefined ? `type: ${typed} ${what}` : `a value that begins with a dash is typed with an equals sign: ${typed}=${next}`,
    })
  }
  queue.shift()
  return next
}

function valueOf(name: string, option: Option | undefined, read: unknown): unknown {
  const all = (Array.isArray(read) ? read : read === undefined ? [] : [read]) as readonly unknown[]
  switch (option?.kind) {
    case 'flag':
      return all.includes(true)
    case 'count':
      return all.length
    case 'list':
      return all.map(String)
    case 'words': {
      const words = all.map((text) => String(text).split(',').map((word) => word.trim()).filter(Boolean))
      // Nothing at all would mean everything.
      if (words.some((some) => some.length === 0)) throw new UsageError('empty-value', `option --${name} has an empty value`, { hint: `give it a value, or leave --${name} out` })
      return words.flat()
    }
    default: {
      if (all.length > 1) throw new UsageError('repeated-option', `option --${name} is given ${all.length} times`, { hint: 'it takes one value: keep the one that you mean' })
      const [text] = all
      if (text === undefined || option === undefined) return text
      return option.kind === 'integer' ? toInteger(name, String(text), option) : toChoice(name, String(text), option)
    }
  }
}

function toInteger(name: string, text: string, { least = -Infinity, most = Infinity }: Option): number {
  const number = /^-?\d+$/u.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number
  const range = most === Infinity ? (least === -Infinity ? '' : ` of at least ${least}`) : ` from ${least} to ${most}`
  throw new UsageError('bad-number', `option --${name} takes a whole number${range}; got "${text}"`)
}

function toChoice(name: string, text: string, { choices }: Option): string {
  if (choices === undefined || choices.includes(text)) return text
  const near = nearest(text, choices)
  const known = `${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}`
  throw new UsageError('bad-choice', `option --${name} takes ${known}; got "${text}"`, near === undefined ? {} : { hint: `did you mean ${near}?` })
}

/** Whether an option's value may be the next argument. */
export function takesValue(option: Option | undefined): boolean {
  return option !== undefined && option.kind !== 'flag' && option.kind !== 'switch' && option.kind !== 'count'
}

function unknown(typed: string, near: string | undefined, table: OptionTable): UsageError {
  const known = Object.keys(table).map((name) => `--${name}`).join(' ')
  return new UsageError('unknown-option', `there is no option ${typed}`, { hint: near === undefined ? `known options: ${known}` : `did you mean --${near}?` })
}

function noValue(typed: string): UsageError {
  return new UsageError('needless-value', `option ${typed} takes no value`, { hint: `type: ${typed}` })
}
