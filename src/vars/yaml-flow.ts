/** Flow collections of plain YAML, JSON among them. */
import { emptyRecord } from './layer.ts'
import { checkKey, DEEPEST, GIVE_UP, LONGEST_KEY, quotedEnd, readPlain, unquote } from './yaml-scalars.ts'

const FLOW_PLAIN = /(?:-?[A-Za-z0-9_/.$~+](?:[^,[\]{}:#'"&*!|>%@`\n ]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9_/.$~+]))*)/y
const SPACE = 32
const COLON = 58
const NEWLINE = 10

/** Offsets of each collection's entries, in their order. */
export type Places = Map<object, number[]>

/**
 * Reads the flow collection that begins at `at` and ends before `limit`.
 * @returns its value, and the offset behind it.
 */
export function readFlow(text: string, at: number, limit: number, places: Places): { value: unknown; end: number } {
  return new FlowReader(text, at, limit, places).read()
}

class FlowReader {
  readonly #text: string
  readonly #limit: number
  readonly #places: Places
  #at: number
  #depth = 0

  constructor(text: string, at: number, limit: number, places: Places) {
    this.#text = text
    this.#at = at
    this.#limit = limit
    this.#places = places
  }

  read(): { value: unknown; end: number } {
    const value = this.#collection()
    return { value, end: this.#at }
  }

  #collection(): unknown {
    if (++this.#depth > DEEPEST) throw GIVE_UP
    const value = this.#text[this.#at] === '{' ? this.#map() : this.#list()
    this.#depth--
    return value
  }

  #map(): unknown {
    const map = emptyRecord()
    const places: number[] = []
    this.#at++
    for (let more = !this.#closes('}'); more; more = this.#continues('}')) {
      const start = this.#at
      const key = this.#scalar()
      const colon = this.#at++
      const quoted = '"\''.includes(this.#text[start] as string)
      if (this.#text.charCodeAt(colon) !== COLON || colon - start > LONGEST_KEY) throw GIVE_UP
      if (!quoted && !' \n'.includes(this.#text[this.#at] ?? 'x')) throw GIVE_UP
      const name = checkKey(key)
      if (name in map) throw GIVE_UP
      this.#blanks()
      places.push(start)
      map[name] = this.#value()
    }
    this.#places.set(map, places)
    return map
  }

  #list(): unknown {
    const list: unknown[] = []
    const places: number[] = []
    this.#at++
    for (let more = !this.#closes(']'); more; more = this.#continues(']')) {
      places.push(this.#at)
      list.push(this.#value())
    }
    this.#places.set(list, places)
    return list
  }

  #value(): unknown {
    const first = this.#text[this.#at]
    return first === '{' || first === '[' ? this.#collection() : this.#scalar()
  }

  #scalar(): unknown {
    const start = this.#at
    const quoted = quotedEnd(this.#text, start)
    if (quoted > 0) {
      this.#at = quoted
      return unquote(this.#text, start, quoted)
    }
    FLOW_PLAIN.lastIndex = start
    const found = FLOW_PLAIN.exec(this.#text)
    if (!found) throw GIVE_UP
    this.#at = FLOW_PLAIN.lastIndex
    return readPlain(found[0])
  }

  /** Skips blanks, and newlines where the collection may go over lines. */
  #blanks(): void {
    for (; this.#at < this.#limit; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== SPACE && code !== NEWLINE) return
    }
    throw GIVE_UP
  }

  #closes(bracket: string): boolean {
    this.#blanks()
    if (this.#text[this.#at] !== bracket) return false
    this.#at++
    return true
  }

  #continues(bracket: string): boolean {
    if (this.#closes(bracket)) return false
    if (this.#text[this.#at++] !== ',') throw GIVE_UP
    this.#blanks()
    return true
  }
}
