/** Helpers for numbers, comparisons and conversions. */
import { describeValue } from '../layer.ts'
import { array, counted, integer, number, order, sameValue, text, type Helpers } from './arguments.ts'

const BOOLEANS: ReadonlyMap<string, boolean> = new Map(Object.entries({ true: true, yes: true, on: true, '1': true, false: false, no: false, off: false, '0': false }))

/** By name. */
export const numberHelpers: Helpers = {
  add: counted(2, Infinity, (args) => finite(args.map(number).reduce((a, b) => a + b))),
  sub: counted(2, 2, ([a, b]) => finite(number(a) - number(b))),
  mul: counted(2, Infinity, (args) => finite(args.map(number).reduce((a, b) => a * b))),
  div: counted(2, 2, ([a, b]) => finite(number(a) / divisor(b))),
  // The sign is the divisor's, as in Python: (mod -1 4) is 3.
  mod: counted(2, 2, ([a, b]) => ((number(a) % divisor(b)) + number(b)) % number(b)),
  abs: counted(1, 1, ([a]) => Math.abs(number(a))),
  min: counted(1, Infinity, (args) => extreme(args, -1)),
  max: counted(1, Infinity, (args) => extreme(args, 1)),
  sum: counted(1, 1, ([list]) => finite(array(list).map(number).reduce((a, b) => a + b, 0))),
  round: counted(1, 2, ([a, digits]) => round(number(a), digits === undefined ? 0 : integer(digits))),
  floor: counted(1, 1, ([a]) => Math.floor(number(a))),
  ceil: counted(1, 1, ([a]) => Math.ceil(number(a))),
  int: counted(1, 2, ([value, fallback]) => toInteger(value, fallback)),
  float: counted(1, 1, ([value]) => toNumber(value)),
  bool: counted(1, 1, ([value]) => toBoolean(value)),
  string: counted(1, 1, ([value]) => text(value)),
  eq: counted(2, 2, ([a, b]) => sameValue(a, b)),
  ne: counted(2, 2, ([a, b]) => !sameValue(a, b)),
  lt: counted(2, 2, ([a, b]) => order(a, b) < 0),
  le: counted(2, 2, ([a, b]) => order(a, b) <= 0),
  gt: counted(2, 2, ([a, b]) => order(a, b) > 0),
  ge: counted(2, 2, ([a, b]) => order(a, b) >= 0),
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value
  throw new Error('has a result that is too large')
}

function divisor(value: unknown): number {
  if (number(value) !== 0) return value as number
  throw new Error('cannot divide by 0')
}

function extreme(args: readonly unknown[], sign: number): unknown {
  const items = args.length === 1 ? array(args[0]) : args
  if (items.length === 0) throw new Error('of an empty list')
  return items.reduce((best, item) => (order(item, best) * sign > 0 ? item : best))
}

function round(value: number, digits: number): number {
  return finite(Number(`${Math.round(Number(`${value}e${digits}`))}e${-digits}`))
}

function toInteger(value: unknown, fallback: unknown): unknown {
  if (typeof value === 'boolean') return Number(value)
  const result = typeof value === 'number' ? Math.trunc(value) : /^\s*[-+]?\d+\s*$/.test(text(value)) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(result)) return result
  if (fallback !== undefined) return fallback
  throw new Error(`needs a whole number, got ${describeValue(value)}`)
}

function toNumber(value: unknown): number {
  const written = text(value).trim()
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(written)) return finite(Number(written))
  throw new Error(`needs a number, got ${describeValue(value)}`)
}

function toBoolean(value: unknown): boolean {
  const boolean = BOOLEANS.get(text(value).trim().toLowerCase())
  if (boolean !== undefined) return boolean
  throw new Error(`needs true, false, yes, no, on, off, 1 or 0, got ${describeValue(value)}`)
}
