/**
 * Regular expressions in templates: JavaScript's, with Python's names for what the two write differently. A pattern that takes more
 * than half a second is stopped, since some take years.
 */
import { createContext, Script } from 'node:vm'
import { array, counted, integer, text, type Helpers } from './arguments.ts'

const PATIENCE_MS = 500
/** Patterns with at most one quantifier cannot run away. */
const QUANTIFIER = /[*+?{]/g

/** By name. */
export const regexHelpers: Helpers = {
  match: counted(2, 2, ([value, pattern]) => run('test', `^(?:${text(pattern)})`, text(value)) as boolean),
  search: counted(2, 2, ([value, pattern]) => run('test', text(pattern), text(value)) as boolean),
  regex_search: counted(2, 3, ([value, pattern, group = 0]) => searched(text(value), text(pattern), group)),
  regex_findall: counted(2, 2, ([value, pattern]) => run('all', text(pattern), text(value))),
  regex_replace: counted(3, 3, ([value, pattern, to]) => run('replace', text(pattern), text(value), replacement(text(to)))),
  regex_split: counted(2, 2, ([value, pattern]) => run('split', text(pattern), text(value))),
  regex_escape: counted(1, 1, ([value]) => text(value).replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')),
  select: counted(2, 2, ([list, pattern]) => array(list).filter((item) => run('test', text(pattern), text(item)))),
  reject: counted(2, 2, ([list, pattern]) => array(list).filter((item) => !run('test', text(pattern), text(item)))),
}

type Operation = 'test' | 'exec' | 'all' | 'replace' | 'split'

/** Null where nothing matches, so that `default` helps. */
function searched(value: string, pattern: string, group: unknown): unknown {
  const groups = run('exec', pattern, value) as readonly (string | null)[] | null
  const wanted = integer(typeof group === 'string' ? Number(group.replace(/^\\+/, '')) : group)
  if (groups && (wanted < 0 || wanted >= groups.length)) throw new Error(`finds no group ${wanted} in the pattern ${pattern}`)
  return groups?.[wanted] ?? null
}

function run(operation: Operation, pattern: string, value: string, to = ''): unknown {
  const { source, flags } = translate(pattern)
  try {
    new RegExp(source, flags)
  } catch (cause) {
    throw new Error(`cannot use the pattern ${JSON.stringify(pattern)}: ${(cause as Error).message.replace(/^.*: /, '')}`, { cause })
  }
  const quantifiers = source.match(QUANTIFIER)?.length ?? 0
  return quantifiers <= 1 ? apply(operation, new RegExp(source, flags), value, to) : bounded(operation, source, flags, value, to)
}

/** Python's `(?i)` at the start, `(?P<name>…)`, `\A` and `\Z`. */
function translate(pattern: string): { source: string; flags: string } {
  const [inline = '', letters = ''] = /^(?:\^\(\?:)?\(\?([ims]+)\)/.exec(pattern) ?? []
  const source = pattern.replace(inline, inline.startsWith('^') ? '^(?:' : '').replace(/\(\?P</g, '(?<').replace(/(\\+)([AZ])/g, (all: string, slashes: string, letter: string) => (slashes.length % 2 === 0 ? all : slashes.slice(1) + (letter === 'A' ? '^' : '$')))
  return { source, flags: `g${[...new Set(letters)].join('')}` }
}

/** `\1` and `\g<name>`, as Python writes them; a dollar sign is itself. */
function replacement(to: string): string {
  return to.replaceAll('$', '$$$$').replace(/\\(?:g<(\w+)>|(\d))/g, (_all, name: string | undefined, digit: string | undefined) => {
    const group = name ?? digit ?? ''
    return /^\d+$/.test(group) ? (group === '0' ? '$&' : `$${group}`) : `$<${group}>`
  })
}

function apply(operation: Operation, regex: RegExp, value: string, to: string): unknown {
  switch (operation) {
    case 'test':
      return regex.test(value)
    case 'exec':
      return plainGroups(regex.exec(value))
    case 'all':
      return Array.from(value.matchAll(regex), (found) => (found.length === 1 ? found[0] : found.length === 2 ? (found[1] ?? '') : found.slice(1).map((group) => group ?? '')))
    case 'replace':
      return value.replace(regex, to)
    case 'split':
      return value.split(regex).map((part: string | undefined) => part ?? '')
  }
}

function plainGroups(found: RegExpExecArray | null): (string | null)[] | null {
  return found && Array.from(found, (group: string | undefined) => group ?? null)
}

/** Only texts and numbers cross into the other context, and its program is always the same: what a template writes is data there. */
const PROBE = `(() => {
  const regex = new RegExp(source, flags)
  if (operation === 'test') regex.test(value)
  else if (operation === 'exec') regex.exec(value)
  else if (operation === 'split') value.split(regex)
  else value.replace(regex, '')
})()`
let probe: { readonly script: Script; readonly context: Record<string, string> } | undefined

/** The pattern is tried where it can be stopped; the second time it is known to end. */
function bounded(operation: Operation, source: string, flags: string, value: string, to: string): unknown {
  probe ??= { script: new Script(PROBE), context: createContext(Object.create(null) as Record<string, string>) as Record<string, string> }
  Object.assign(probe.context, { operation, source, flags, value })
  try {
    probe.script.runInContext(probe.context, { timeout: PATIENCE_MS })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause
    throw new Error(`needs too long for the pattern ${JSON.stringify(source)}: a repeated part repeats itself inside`, { cause })
  }
  return apply(operation, new RegExp(source, flags), value, to)
}
