/**
 * The YAML that nearly everybody writes, read at ten times a general parser's speed: block maps and lists, scalars of one line, flow
 * collections of one line, and JSON. Whatever else a text holds (anchors, tags, block scalars, tabs, mistakes of any kind) makes this
 * reader give up, and the general parser decides. It must never differ from that one: the tests compare the two on mutated texts.
 */
import { emptyRecord, type ValuePath } from './layer.ts'
import { readFlow, type Places } from './yaml-flow.ts'
import { checkKey, DEEPEST, GIVE_UP, LONGEST_KEY, quotedEnd, readPlain, unquote } from './yaml-scalars.ts'

/** Data, and where it was written. */
export interface PlainYaml {
  readonly value: unknown
  /** The offset in the text at which the value at `path` was written: its key in a map, itself in a list. */
  offset(path: ValuePath): number | undefined
}

/** Tabs, carriage returns, other control characters, and what some parsers take for a line's end or a blank. */
const UNUSUAL = /[\u0000-\u0009\u000b-\u001f\u007f-\u00a0\u2028\u2029\ufeff]/
const HEAD = /^(?:#.*\n|\n)*---\n/
const MARKER = /(?:^|\n)(?:---|\.\.\.)/

const SPACE = 32
const HASH = 35
const DASH = 45
const COLON = 58

/** Reads plain YAML; undefined when the text holds anything else, or nothing. */
export function parsePlainYaml(text: string): PlainYaml | undefined {
  if (UNUSUAL.test(text)) return undefined
  const head = HEAD.exec(text)?.[0].length ?? 0
  if (MARKER.test(text.slice(head))) return undefined
  try {
    return new PlainReader(text, head).read()
  } catch (cause) {
    if (cause === GIVE_UP) return undefined
    throw cause
  }
}

class PlainReader {
  readonly #text: string
  readonly #places: Places = new Map()
  /** Of large maps, made when they are asked for. */
  readonly #byKey = new Map<object, Map<string, number>>()
  /** The line at hand: where its content begins (behind a list's dash: behind it), how far indented that is, and where it ends. */
  #start = 0
  #indent = -1
  #end = -1
  #depth = 0

  constructor(text: string, from: number) {
    this.#text = text
    this.#end = from - 1
  }

  read(): PlainYaml {
    this.#next()
    if (this.#indent < 0) throw GIVE_UP
    const root = this.#start
    const value = '{['.includes(this.#text[root] as string) ? this.#document() : this.#block(this.#indent)
    if (this.#indent >= 0) throw GIVE_UP
    return { value, offset: (path) => this.#offset(value, root, path) }
  }

  /** Goes to the next line that holds more than blanks and a comment; at the end the indent is -1. */
  #next(): void {
    const text = this.#text
    while (this.#end < text.length) {
      const line = this.#end + 1
      let at = line
      while (text.charCodeAt(at) === SPACE) at++
      const end = text.indexOf('\n', at)
      this.#end = end < 0 ? text.length : end
      const code = text.charCodeAt(at)
      if (at >= this.#end || code === HASH) continue
      this.#start = at
      this.#indent = at - line
      return
    }
    this.#indent = -1
  }

  #block(indent: number): unknown {
    if (++this.#depth > DEEPEST) throw GIVE_UP
    const value = this.#isDash(this.#start) ? this.#list(indent) : this.#map(indent)
    this.#depth--
    return value
  }

  #isDash(at: number): boolean {
    if (this.#text.charCodeAt(at) !== DASH) return false
    return at + 1 >= this.#end || this.#text.charCodeAt(at + 1) === SPACE
  }

  #map(indent: number): unknown {
    const map = emptyRecord()
    const places: number[] = []
    while (this.#indent === indent) {
      const start = this.#start
      const colon = this.#keyEnd(start)
      if (colon < 0) throw GIVE_UP
      const key = this.#key(start, colon)
      if (key in map) throw GIVE_UP
      places.push(start)
      map[key] = this.#value(colon + 1, indent)
    }
    if (this.#indent > indent) throw GIVE_UP
    this.#places.set(map, places)
    return map
  }

  #list(indent: number): unknown {
    const list: unknown[] = []
    const places: number[] = []
    while (this.#indent === indent && this.#isDash(this.#start)) {
      const content = this.#skip(this.#start + 1)
      if (this.#isBlank(content)) {
        this.#next()
        if (this.#indent <= indent) throw GIVE_UP
        places.push(this.#start)
        list.push(this.#block(this.#indent))
        continue
      }
      places.push(content)
      if (this.#isDash(content) || this.#keyEnd(content) >= 0) {
        this.#indent += content - this.#start
        this.#start = content
        list.push(this.#block(this.#indent))
      } else list.push(this.#scalar(content, indent))
    }
    if (this.#indent > indent) throw GIVE_UP
    this.#places.set(list, places)
    return list
  }

  #skip(at: number): number {
    while (this.#text.charCodeAt(at) === SPACE) at++
    return at
  }

  /** True where nothing or a comment follows; a comment needs a blank before it. */
  #isBlank(at: number): boolean {
    return at >= this.#end || (this.#text.charCodeAt(at) === HASH && this.#text.charCodeAt(at - 1) === SPACE)
  }

  /** Where the colon behind a key stands; -1 when the line at `start` begins with no key. */
  #keyEnd(start: number): number {
    const text = this.#text
    const quoted = quotedEnd(text, start)
    if (quoted > 0) return text.charCodeAt(quoted) === COLON && this.#endsKey(quoted) ? quoted : -1
    for (let at = start; at < this.#end; at++) {
      const code = text.charCodeAt(at)
      if (code === COLON && this.#endsKey(at)) return at
      if (code === HASH && text.charCodeAt(at - 1) === SPACE) return -1
    }
    return -1
  }

  #endsKey(colon: number): boolean {
    return colon + 1 >= this.#end || this.#text.charCodeAt(colon + 1) === SPACE
  }

  #key(start: number, colon: number): string {
    const text = this.#text
    if (colon - start > LONGEST_KEY) throw GIVE_UP
    const first = text[start] as string
    const key = first === '"' || first === "'" ? unquote(text, start, colon) : readPlain(text.slice(start, colon))
    if (text.charCodeAt(colon - 1) === SPACE) throw GIVE_UP
    return checkKey(key)
  }

  /** What stands behind a map's colon. */
  #value(after: number, indent: number): unknown {
    const at = this.#skip(after)
    if (!this.#isBlank(at)) return this.#scalar(at, indent)
    this.#next()
    if (this.#indent > indent) return this.#block(this.#indent)
    return this.#indent === indent && this.#isDash(this.#start) ? this.#list(indent) : null
  }

  /** A scalar or a flow collection that fills the rest of its line; the next line must not continue it. */
  #scalar(at: number, indent: number): unknown {
    const value = this.#oneLine(at)
    this.#next()
    if (this.#indent > indent) throw GIVE_UP
    return value
  }

  #oneLine(at: number): unknown {
    const text = this.#text
    const first = text[at] as string
    if (first === '{' || first === '[') {
      const { value, end } = readFlow(text, at, this.#end, this.#places)
      if (!this.#isBlank(this.#skip(end))) throw GIVE_UP
      return value
    }
    const quoted = quotedEnd(text, at)
    if (quoted > 0) {
      if (!this.#isBlank(this.#skip(quoted))) throw GIVE_UP
      return unquote(text, at, quoted)
    }
    const rest = text.slice(at, this.#end)
    const comment = rest.indexOf(' #')
    const plain = (comment < 0 ? rest : rest.slice(0, comment)).replace(/ +$/, '')
    if (plain.includes(': ') || plain.endsWith(':')) throw GIVE_UP
    return readPlain(plain)
  }

  /** A document that is one flow collection, over as many lines as it likes: JSON. */
  #document(): unknown {
    const { value, end } = readFlow(this.#text, this.#start, this.#text.length, this.#places)
    if (this.#text.slice(end).trim() !== '') throw GIVE_UP
    this.#indent = -1
    return value
  }

  #offset(root: unknown, rootPlace: number, path: ValuePath): number | undefined {
    let value = root
    let place: number | undefined = rootPlace
    for (const step of path) {
      if (typeof value !== 'object' || value === null) return undefined
      const index: number | undefined = Array.isArray(value) ? (typeof step === 'number' ? step : undefined) : this.#index(value, String(step))
      if (index === undefined) return undefined
      place = this.#places.get(value)?.[index]
      value = (value as Record<string | number, unknown>)[step]
    }
    return place
  }

  #index(map: object, key: string): number | undefined {
    let known = this.#byKey.get(map)
    if (!known) this.#byKey.set(map, (known = new Map(Object.keys(map).map((name, index) => [name, index]))))
    return known.get(key)
  }
}
