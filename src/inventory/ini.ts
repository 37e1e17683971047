/** INI inventories: `[group]`, `[group:children]`, `[group:vars]`, `host key=value`. Behaviour observed from ansible-core 2.14. */
import { InputError, type Location } from '../errors.ts'
import { didYouMean } from '../suggest.ts'
import { parseLiteral } from './literals.ts'
import type { Draft, Group } from './model.ts'
import { expandHosts } from './ranges.ts'

/** Ansible ends lines at form feeds and at Unicode's separators as well. */
const LINE_END = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/

/** A group that was named before it was declared. */
interface Pending {
  readonly location: Location
  readonly section: string
  /** The groups that want it as a child; none when only variables were given to it. */
  readonly parents: Group[]
}

/**
 * Reads an INI inventory into `draft`.
 * @throws InputError with file, line and column.
 */
export function readIni(draft: Draft, text: string, file: string): void {
  if (text.startsWith('\uFEFF')) throw new InputError('ini-syntax', 'the file begins with a byte order mark', { location: { file, line: 1, column: 1 }, hint: 'save it as UTF-8 without one' })
  const pending = new Map<string, Pending>()
  let group = draft.group('ungrouped')
  let kind = 'hosts'
  let number = 0
  for (const raw of text.split(LINE_END)) {
    number++
    const line = raw.trim()
    if (!line || line.startsWith('#') || line.startsWith(';')) continue
    const location = { file, line: number, column: raw.length - raw.trimStart().length + 1 }
    const section = line.startsWith('[') && /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(line)
    if (section) {
      kind = section[2] ?? 'hosts'
      group = openSection(draft, pending, section[1] as string, kind, location)
    } else if (line.startsWith('[') && line.endsWith(']')) throw new InputError('ini-syntax', `not a valid section: ${line}`, { location, hint: 'a section is [group], [group:children] or [group:vars], without spaces' })
    else if (kind === 'hosts') readHost(draft, group, line, location)
    else if (kind === 'vars') readVariable(draft, group, line, location)
    else readChild(draft, pending, group, line, location)
  }
  for (const [name, { location, section, parents }] of pending) {
    const what = parents.length > 0 ? `[${section}] names the group ${name}, which is declared nowhere` : `[${section}] sets variables of a group that is declared nowhere`
    const known = [...draft.groups.keys()].filter((other) => other !== name)
    throw new InputError('ini-group', what, { location, hint: didYouMean(name, known) ?? `declare it: [${name}]` })
  }
}

function openSection(draft: Draft, pending: Map<string, Pending>, name: string, kind: string, location: Location): Group {
  if (!['hosts', 'children', 'vars'].includes(kind)) {
    throw new InputError('ini-syntax', `a section cannot be of type "${kind}": [${name}:${kind}]`, { location, hint: didYouMean(kind, ['hosts', 'children', 'vars']) ?? 'types are hosts, children and vars' })
  }
  const known = draft.groups.has(name)
  const group = draft.group(name)
  const waiting = pending.get(name)
  if (!known && kind === 'vars' && !waiting) pending.set(name, { location, section: `${name}:vars`, parents: [] })
  if (waiting && kind !== 'vars') {
    for (const parent of waiting.parents) draft.addChild(parent, group, waiting.location)
    pending.delete(name)
  }
  return group
}

function readHost(draft: Draft, group: Group, text: string, location: Location): void {
  const [entry, ...words] = splitWords(text, location)
  const line = location.line ?? 1
  if (!entry) return
  const pattern = entry.text
  if (pattern === '---') throw new InputError('ini-syntax', '--- begins a YAML file, and this one was taken for INI', { location, hint: 'name the file *.yml' })
  if (pattern.endsWith(':')) throw new InputError('ini-syntax', `a host name cannot end with ":": ${pattern}`, { location, hint: 'a port follows the colon; if this is YAML, name the file *.yml' })
  const { names, port } = expandHosts(pattern, location)
  if (names.length === 0) draft.warn(`${pattern} names no host`, location)
  const values = words.map(({ text, column }) => {
    const at = { file: location.file, line, column }
    const equals = text.indexOf('=')
    if (equals < 1) throw new InputError('ini-syntax', `expected key=value after the host, got ${text}`, { location: at })
    return { key: text.slice(0, equals), value: parseLiteral(text.slice(equals + 1)), at }
  })
  for (const host of draft.hostsAt(names, port, group, location)) {
    for (const { key, value, at } of values) draft.setHostVar(location.file, host, key, value, at)
  }
}

function readVariable(draft: Draft, group: Group, line: string, location: Location): void {
  const equals = line.indexOf('=')
  if (equals < 1) throw new InputError('ini-syntax', `expected key=value, got ${line}`, { location })
  draft.setGroupVar(location.file, group, line.slice(0, equals).trim(), parseLiteral(line.slice(equals + 1).trim()), location)
}

function readChild(draft: Draft, pending: Map<string, Pending>, group: Group, line: string, location: Location): void {
  const name = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line)?.[1]
  if (name === undefined) throw new InputError('ini-syntax', `expected the name of a group, got ${line}`, { location })
  const waiting = pending.get(name)
  if (waiting) waiting.parents.push(group)
  else if (draft.groups.has(name)) draft.addChild(group, draft.group(name), location)
  else pending.set(name, { location, section: `${group.name}:children`, parents: [group] })
}

interface Word {
  readonly text: string
  /** Of its first character in the line, from 1. */
  readonly column: number
}

/** What {@link splitWords} has to look at twice. */
const SPECIAL = /["'\\#]/

/** Words as a POSIX shell splits them: quotes, backslashes, and a comment from any `#` outside quotes. */
function splitWords(line: string, location: Location): Word[] {
  const words: Word[] = []
  const shift = location.column ?? 1
  const isSpecial = SPECIAL.test(line)
  let at = 0
  while (at < line.length) {
    if (isBlank(line.charCodeAt(at))) {
      at++
      continue
    }
    const start = at
    while (at < line.length && !isBlank(line.charCodeAt(at))) at++
    const text = line.slice(start, at)
    if (isSpecial && SPECIAL.test(text)) {
      const word = readWord(line, start, location)
      if (word.text !== undefined) words.push({ text: word.text, column: start + shift })
      if (word.end < 0) break
      at = word.end
    } else words.push({ text, column: start + shift })
  }
  return words
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** One word that has quotes, backslashes or a comment, and where it ends: -1 when a comment follows. */
function readWord(line: string, start: number, location: Location): { readonly text: string | undefined; readonly end: number } {
  let text: string | undefined
  let at = start
  for (; at < line.length && !isBlank(line.charCodeAt(at)); at++) {
    const char = line[at] as string
    if (char === '#') return { text, end: -1 }
    if (char === '\\') {
      if (at + 1 >= line.length) throw new InputError('ini-syntax', 'the line ends with a backslash, which escapes nothing', { location: { ...location, column: at + (location.column ?? 1) }, hint: 'write \\\\ for a backslash' })
      text = (text ?? '') + (line[++at] ?? '')
    } else if (char === "'" || char === '"') {
      const [inner, end] = quoted(line, at, location)
      text = (text ?? '') + inner
      at = end
    } else text = (text ?? '') + char
  }
  return { text, end: at }
}

/** The text in the quotes that open at `open`, and where they close. */
function quoted(line: string, open: number, location: Location): [string, number] {
  const quote = line[open] as string
  let text = ''
  for (let i = open + 1; i < line.length; i++) {
    const char = line[i] as string
    if (char === quote) return [text, i]
    if (char === '\\' && quote === '"' && (line[i + 1] === '"' || line[i + 1] === '\\')) text += line[++i]
    else text += char
  }
  throw new InputError('ini-syntax', `the quote ${quote} is not closed`, { location: { ...location, column: open + (location.column ?? 1) } })
}
