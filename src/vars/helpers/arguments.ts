/** What helpers are, and how they check their arguments: messages stand after the helper's name. */
import { describeValue, isMap } from '../layer.ts'

/** A helper; its errors have messages that stand after the helper's name. */
export type Helper = (args: readonly unknown[]) => unknown

/** Helpers by name. */
export type Helpers = Readonly<Record<string, Helper>>

/** No list that a template makes is longer. */
const LONGEST = 100_000

/** A helper that takes from `least` to `most` arguments. */
export function counted(least: number, most: number, helper: Helper): Helper {
  return (args) => {
    if (args.length >= least && args.length <= most) return helper(args)
    const wanted = least === most ? `${least} ${least === 1 ? 'argument' : 'arguments'}` : `${least} ${most === Infinity ? 'or more' : `to ${most}`} arguments`
    throw new Error(`takes ${wanted}, got ${args.length}`)
  }
}

/** Text, or what has one form as text: a number, a boolean. */
export function text(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new Error(`needs text, got ${describeValue(value)}`)
}

/** A list. */
export function array(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new Error(`needs a list, got ${describeValue(value)}`)
}

/** A map. */
export function map(value: unknown): Readonly<Record<string, unknown>> {
  if (isMap(value)) return value
  throw new Error(`needs a map, got ${describeValue(value)}`)
}

/** A number; text is none, even when it looks like one. */
export function number(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new Error(`needs a number, got ${describeValue(value)}${typeof value === 'string' ? '; write (int NAME)' : ''}`)
}

/** A whole number. */
export function integer(value: unknown): number {
  if (Number.isSafeInteger(number(value))) return value as number
  throw new Error(`needs a whole number, got ${describeValue(value)}`)
}

/** Conditions of `ternary`, `not`, `and`, `or`: booleans only, since the text "false" would be true. */
export function truth(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new Error(`needs true or false, got ${describeValue(value)}`)
}

/** The value, unless it is undefined. */
export function found(value: unknown, message: string): unknown {
  if (value === undefined) throw new Error(message)
  return value
}

/** An own entry of a map or list; nothing of its prototype. */
export function own(value: unknown, key: unknown): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, text(key)) ? (value as Record<string, unknown>)[text(key)] : undefined
}

/** The same value in every part: numbers are no text, the order of a map's keys does not matter. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]))
  if (!isMap(a) || !isMap(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
}

/** Below, equal or above zero: numbers by size, text by its characters' codes; other values have no order. */
export function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return byCodePoints(a, b)
  throw new Error(`compares numbers with numbers and text with text, got ${describeValue(a)} and ${describeValue(b)}`)
}

function byCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const at = left.findIndex((char, index) => char !== right[index])
  if (at < 0) return left.length - right.length
  return (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1)
}

/** Refuses lengths that no inventory needs. */
export function bounded(length: number): number {
  if (length <= LONGEST) return length
  throw new Error(`would make ${length} elements, and ${LONGEST} is the limit`)
}
