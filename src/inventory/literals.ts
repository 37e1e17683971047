/**
 * Values in INI inventories: what reads as a Python literal has that literal's type (`5`, `True`, `[1, 2]`, `'x'`), everything else
 * is text. Observed from ansible-core 2.14.
 */

/** Thrown inside when the text is no literal; not an Error, whose stack would cost more than all the rest. */
const NOT_LITERAL = Symbol('not a literal')

const SURELY_NUMBER = /^(?:0|[1-9]\d{0,14})$/
/** Literals begin with a sign, a digit, a bracket, a quote (prefixed by r, u or b), or are a word; addresses and sizes are none. */
const MAY_BE = /^\s*(?:[-+.\d](?!\d*\.\d+\.)|[[({'"]|True|False|None|[rRuUbB]{1,2}['"])/

/** The value that `text` stands for. Numbers that JavaScript cannot hold exactly stay text. */
export function parseLiteral(text: string): unknown {
  if (SURELY_NUMBER.test(text)) return Number(text)
  if (!MAY_BE.test(text)) return text
  try {
    return new Reader(text).whole()
  } catch (error) {
    if (error === NOT_LITERAL) return text
    throw error
  }
}

const NUMBER = /[-+]?\s*(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.?(?:\d(?:_?\d)*)?(?:[eE][-+]?\d(?:_?\d)*)?)/y
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', "'": "'", '"': '"', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\n': '' }

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): unknown {
    const value = this.#value()
    if (this.#peek() === undefined) return value
    // `1, 2` without brackets is a list, too.
    const list = [value]
    while (this.#peek() === ',') {
      this.#at++
      if (this.#peek() !== undefined) list.push(this.#value())
    }
    if (this.#peek() !== undefined) throw NOT_LITERAL
    return list
  }

  /** The next character that is neither blank nor part of a comment. */
  #peek(): string | undefined {
    const skip = /(?:\s|#.*)*/y
    skip.lastIndex = this.#at
    skip.exec(this.#text)
    this.#at = skip.lastIndex
    return this.#text[this.#at]
  }

  #value(): unknown {
    const char = this.#peek()
    if (char === '[') return this.#items(']').list
    if (char === '(') {
      const { list, comma } = this.#items(')')
      return list.length === 1 && !comma ? list[0] : list
    }
    if (char === '{') return this.#braces()
    if (char !== undefined && /[-+\d.]/.test(char)) return this.#number()
    const word = /(?:True|False|None)\b/y
    word.lastIndex = this.#at
    const found = word.exec(this.#text)?.[0]
    if (found) {
      this.#at += found.length
      return found === 'None' ? null : found === 'True'
    }
    return this.#strings()
  }

  #items(close: string): { readonly list: unknown[]; readonly comma: boolean } {
    this.#at++
    const list: unknown[] = []
    let comma = true
    while (this.#peek() !== close) {
      if (!comma) throw NOT_LITERAL
      list.push(this.#value())
      comma = this.#peek() === ','
      if (comma) this.#at++
    }
    this.#at++
    return { list, comma }
  }

  /** A dict, or a set, which becomes a list. */
  #braces(): unknown {
    this.#at++
    const map = Object.create(null) as Record<string, unknown>
    const set: unknown[] = []
    let comma = true
    let isSet: boolean | undefined
    while (this.#peek() !== '}') {
      if (!comma) throw NOT_LITERAL
      const key = this.#value()
      const pair = this.#peek() === ':'
      if (isSet === pair || (typeof key === 'object' && key !== null)) throw NOT_LITERAL
      isSet = !pair
      if (pair) {
        this.#at++
        if (['__proto__', 'constructor', 'prototype'].includes(String(key))) throw NOT_LITERAL
        map[key === null ? 'null' : String(key)] = this.#value()
      } else if (!set.includes(key)) set.push(key)
      comma = this.#peek() === ','
      if (comma) this.#at++
    }
    this.#at++
    return isSet ? set : map
  }

  #number(): unknown {
    NUMBER.lastIndex = this.#at
    const found = NUMBER.exec(this.#text)?.[0] ?? ''
    const digits = found.replace(/[-+_\s]/g, (char, index: number) => (index > 0 && /[eE]/.test(found[index - 1] ?? '') ? char : ''))
    // A leading zero is a mistake to Python, and a serial number to everybody else.
    if (!/\d/.test(digits) || /^0+[1-9]\d*$/.test(digits) || /[\w.]/.test(this.#text[this.#at + found.length] ?? ' ')) throw NOT_LITERAL
    const value = Number(digits) * (found.startsWith('-') ? -1 : 1)
    const whole = /^\d+$|^0[xob]/i.test(digits)
    if (!Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) throw NOT_LITERAL
    this.#at += found.length
    return Object.is(value, -0) ? 0 : value
  }

  /** One or more string literals that stand side by side, which makes them one. */
  #strings(): string {
    let text = ''
    let any = false
    for (;;) {
      this.#peek()
      const open = /([rR]?[bB]?|[bB][rR]|[uU])('''|"""|'|")/y
      open.lastIndex = this.#at
      const [all, prefix = '', quote] = open.exec(this.#text) ?? []
      if (!all || !quote) break
      this.#at += all.length
      text += this.#string(quote, /r/i.test(prefix))
      any = true
    }
    if (!any) throw NOT_LITERAL
    return text
  }

  #string(quote: string, raw: boolean): string {
    let text = ''
    for (; this.#at < this.#text.length; this.#at++) {
      if (this.#text.startsWith(quote, this.#at)) {
        this.#at += quote.length
        return text
      }
      const char = this.#text[this.#at] as string
      if (char !== '\\') text += char
      else if (raw) text += char + (this.#text[++this.#at] ?? '')
      else text += this.#escape()
    }
    throw NOT_LITERAL
  }

  #escape(): string {
    const code = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3}))/y
    code.lastIndex = this.#at
    const found = code.exec(this.#text)
    if (found) {
      const hex = found[1] ?? found[2] ?? found[3]
      const point = hex === undefined ? Number.parseInt(found[4] ?? '', 8) : Number.parseInt(hex, 16)
      if (point > 0x10ffff) throw NOT_LITERAL
      this.#at += found[0].length - 1
      return String.fromCodePoint(point)
    }
    const next = this.#text[++this.#at] ?? ''
    return ESCAPES[next] ?? `\\${next}`
  }
}
