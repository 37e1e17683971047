/** The scalars and keys of plain YAML; whatever is not plain makes the reader give up. */
import { isPoison } from './layer.ts'

/** Thrown to give up; holds no stack, since it is no error. */
export const GIVE_UP = Symbol('not plain YAML')
/** Keys that are longer are for the general parser to judge. */
export const LONGEST_KEY = 200
/** Collections that are deeper are, too. */
export const DEEPEST = 60

const DOUBLE_QUOTED = /"(?:[^"\\\n]|\\["\\/bfnrt])*"/y
const SINGLE_QUOTED = /'(?:[^'\n]|'')*'/y
const PLAIN_START = /[A-Za-z0-9_/.$~+(<=^;\\\u00a1-\uffff]/

/** A plain scalar's value by YAML 1.2's core schema, with yes, no, on and off, and without numbers that begin with a zero. */
export function resolvePlain(text: string): unknown {
  const first = text.charCodeAt(0)
  // Text of which no letter begins a word with a meaning: the usual case.
  if (first > 57 && !'~TtFfYyNnOo'.includes(text[0] as string)) return text
  if (text.length <= 5 && (first > 57 || first === 126)) {
    if (/^(?:true|yes|on)$/i.test(text)) return true
    if (/^(?:false|no|off)$/i.test(text)) return false
    return /^(?:~|null|Null|NULL)$/.test(text) ? null : text
  }
  return first > 57 ? text : resolveNumber(text)
}

function resolveNumber(text: string): unknown {
  if (/^[-+]?0[0-9_]+(?:\.[0-9]*)?$/.test(text)) return text
  if (/^[-+]?[0-9]+$/.test(text)) {
    const number = Number.parseInt(text, 10)
    if (!Number.isSafeInteger(number)) throw GIVE_UP
    return number
  }
  if (/^0o[0-7]+$/.test(text)) return Number.parseInt(text.slice(2), 8)
  if (/^0x[0-9a-fA-F]+$/.test(text)) return Number.parseInt(text.slice(2), 16)
  if (/^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)$/.test(text) || /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+$/.test(text)) return Number.parseFloat(text)
  if (/^(?:[-+]?\.inf|\.nan)$/i.test(text)) throw GIVE_UP
  return text
}

/** The value of a scalar without quotes. */
export function readPlain(text: string): unknown {
  const first = text[0] ?? ''
  const usual = first === '-' ? text.length > 1 && text[1] !== ' ' : PLAIN_START.test(first)
  if (!usual) throw GIVE_UP
  return resolvePlain(text)
}

/** The offset behind a quoted scalar; -1 when none begins at `at`. */
export function quotedEnd(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code !== 34 && code !== 39) return -1
  const pattern = code === 34 ? DOUBLE_QUOTED : SINGLE_QUOTED
  pattern.lastIndex = at
  if (!pattern.test(text)) throw GIVE_UP
  return pattern.lastIndex
}

/** The value of the quoted scalar from `start` to `end`, quotes included. */
export function unquote(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1)
  if (text[start] === "'") return inner.includes("'") ? inner.replaceAll("''", "'") : inner
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner
}

/** A key that may be one: text, no merge, no prototype's; whole numbers would change their place among an object's keys. */
export function checkKey(key: unknown): string {
  if (typeof key !== 'string' || isPoison(key) || key === '<<') throw GIVE_UP
  const first = key.charCodeAt(0)
  if (first <= 57 && first >= 48 && /^\d+$/.test(key)) throw GIVE_UP
  return key
}
