/**
 * Host patterns: `web:&staging:!db[0]`, commas, slices, globs, `~regex`. Meaning observed from ansible-core 2.14: elements are
 * united in order, then intersections (`&`), then exclusions (`!`).
 */
import { readFileSync } from 'node:fs'
import { InputError } from '../errors.ts'
import { expandPath } from '../paths.ts'
import { didYouMean } from '../suggest.ts'
import { Draft } from './model.ts'
import { parseAddress } from './ranges.ts'

/** Names that always mean the controller, also when no source names them. */
export const LOCALHOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1']

/** What a plain name that is neither a host nor a group does: refuse, match nothing as in Ansible, or match nothing when it is one of these. */
export type Unknown = 'refuse' | 'ignore' | ReadonlySet<string>

/** Splits a pattern at commas, or at colons outside brackets when there is no comma. A range in brackets is never split. */
export function splitPattern(pattern: string): string[] {
  const parts = pattern.includes(',') ? splitOutsideBrackets(pattern) : parseAddress(pattern) ? [pattern] : (pattern.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? [])
  return parts.map((part) => part.trim()).filter(Boolean)
}

function splitOutsideBrackets(pattern: string): string[] {
  return pattern.split(/,(?![^[\]]*\])/)
}

/** As {@link splitPattern}, for `--limit`: `@file` stands for the lines of a file. */
export function splitLimit(limit: string, cwd: string): string[] {
  return splitPattern(limit).flatMap((part) => (part.startsWith('@') ? limitFile(expandPath(part.slice(1), cwd)) : [part]))
}

function limitFile(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line && !line.startsWith('#'))
  } catch (cause) {
    throw new InputError('limit-file', `cannot read the limit file ${file}`, { location: { file }, cause })
  }
}

/**
 * The names of the hosts that the elements of a pattern select, in the order of the pattern and then of the inventory.
 * @throws InputError for unknown plain names (after `!` they are allowed: a group may come to be later) and broken expressions.
 */
export function evaluate(elements: readonly string[], draft: Draft, unknown: Unknown): Set<string> {
  const lone = elements.find((element) => /^[!&]\s*$/.test(element))
  if (lone) throw new InputError('host-pattern', `no name follows ${lone} in the pattern ${JSON.stringify(elements.join(':'))}`, { hint: `write ${lone}NAME without a blank between` })
  const plain = elements.filter((element) => !/^[!&]/.test(element))
  const match = (expression: string, may: Unknown): string[] => matchOne(expression, draft, may)
  let hosts = new Set((plain.length > 0 ? plain : ['all']).flatMap((element) => match(element, unknown)))
  for (const element of elements.filter((candidate) => candidate.startsWith('&'))) {
    const other = new Set(match(element.slice(1), unknown))
    hosts = new Set([...hosts].filter((host) => other.has(host)))
  }
  for (const element of elements.filter((candidate) => candidate.startsWith('!'))) {
    for (const host of match(element.slice(1), 'ignore')) hosts.delete(host)
  }
  return hosts
}

/** The elements of a limit that select something by now and those that do not; what is excluded is in both. */
export interface SplitLimit {
  readonly present: readonly string[]
  readonly coming: readonly string[]
}

/** @throws InputError for a broken expression */
export function splitByPresence(elements: readonly string[], draft: Draft): SplitLimit {
  evaluate(elements, draft, 'ignore')
  const excludes = (element: string): boolean => element.startsWith('!')
  const selects = (element: string): boolean => evaluate([element.replace(/^&/, '')], draft, 'ignore').size > 0
  return { present: elements.filter((element) => excludes(element) || selects(element)), coming: elements.filter((element) => excludes(element) || !selects(element)) }
}

/** Whether elements would select a host that is in these groups and knows of no other host. */
export function wouldSelect(elements: readonly string[], name: string, groups: readonly string[]): boolean {
  const draft = new Draft()
  for (const group of ['all', ...groups]) draft.host(name, draft.group(group))
  return evaluate(elements, draft, 'ignore').has(name)
}

function matchOne(element: string, draft: Draft, unknown: Unknown): string[] {
  if (draft.hosts.has(element) && !draft.groups.has(element)) return [element]
  const subscript = element.startsWith('~') ? null : /^(.+)\[(?:(-?\d+)|(\d+)([:-])(\d*))\]$/s.exec(element)
  const hosts = matchExpression(subscript?.[1] ?? element, draft, unknown)
  if (!subscript) return hosts
  if (subscript[2] !== undefined) return hosts.slice(Number(subscript[2])).slice(0, 1).filter(() => Number(subscript[2]) >= -hosts.length)
  const end = subscript[5] ? Number(subscript[5]) : hosts.length - 1
  return hosts.slice(Number(subscript[3]), end + 1)
}

function matchExpression(expression: string, draft: Draft, unknown: Unknown): string[] {
  if (expression === 'all') return [...draft.hosts.keys()]
  const isPattern = /^~|[*?[]/.test(expression)
  if (!isPattern) return matchName(expression, draft, unknown)
  const regex = expression.startsWith('~') ? fromRegex(expression.slice(1)) : fromGlob(expression)
  const names = new Set<string>()
  for (const group of draft.groups.values()) {
    if (regex.test(group.name)) for (const host of group.name === 'all' ? draft.hosts.values() : group.allHosts()) names.add(host.name)
  }
  for (const name of draft.hosts.keys()) if (regex.test(name)) names.add(name)
  return [...names]
}

function matchName(name: string, draft: Draft, unknown: Unknown): string[] {
  const group = draft.groups.get(name)
  if (group) return [...group.allHosts()].map((host) => host.name)
  if (draft.hosts.has(name)) return [name]
  if (LOCALHOSTS.includes(name)) return [name]
  if (unknown === 'ignore' || (unknown !== 'refuse' && unknown.has(name))) return []
  const known = [...draft.groups.keys(), ...draft.hosts.keys()]
  const spaced = known.find((other) => other.includes(' ') && other.split(' ').includes(name))
  const hint = spaced ? `a name with spaces needs a comma: "${spaced},"` : didYouMean(name, known)
  throw new InputError('unknown-host', `no host and no group is called ${name}`, { hint: hint ?? 'farm inventory --graph shows what there is' })
}

/** As Python reads it, where that differs: flags stand in front (`(?i)web`), groups are named with `(?P<name>…)`. */
function fromRegex(source: string): RegExp {
  const [flags = '', letters = ''] = /^\(\?([aimsu]+)\)/.exec(source) ?? []
  try {
    return new RegExp(`^(?:${source.slice(flags.length).replace(/\(\?P</g, '(?<')})`, letters.replace(/[au]/g, ''))
  } catch (cause) {
    throw new InputError('host-pattern', `~${source} is not a regular expression: ${(cause as Error).message}`, { cause })
  }
}

/** As fnmatch: `*`, `?`, `[abc]`, `[!abc]`; an unclosed bracket is a bracket. */
function fromGlob(glob: string): RegExp {
  const body = glob.replace(/\[(!?)(\]?[^\]]*)\]|[\s\S]/g, (all: string, not: string | undefined, chars: string | undefined) => {
    if (chars) return `[${not ? '^' : ''}${classBody(chars)}]`
    if (all === '*') return '[\\s\\S]*'
    return all === '?' ? '[\\s\\S]' : all.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  })
  return new RegExp(`^${body}$`)
}

/** Ranges stay ranges; one that runs backwards matches nothing, as in fnmatch. */
function classBody(chars: string): string {
  const escape = (char: string): string => char.replace(/[\\\]^[-]/g, '\\$&')
  return chars.replace(/([\s\S])-([\s\S])|[\s\S]/g, (all: string, from?: string, to?: string) => {
    if (from === undefined || to === undefined) return escape(all)
    return from <= to ? `${escape(from)}-${escape(to)}` : ''
  })
}
