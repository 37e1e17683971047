/** Helpers for lists and maps. */
import { emptyRecord, isMap, isPoison } from '../layer.ts'
import { array, bounded, counted, found, integer, map, order, own, sameValue, text, truth, type Helpers } from './arguments.ts'

/** By name. */
export const listHelpers: Helpers = {
  length: counted(1, 1, ([value]) => size(value)),
  count: counted(1, 1, ([value]) => size(value)),
  first: counted(1, 1, ([list]) => found(elements(list)[0], 'of an empty list')),
  last: counted(1, 1, ([list]) => found(elements(list).at(-1), 'of an empty list')),
  slice: counted(2, 3, ([list, from, to]) => (Array.isArray(list) ? list : text(list)).slice(integer(from), to === undefined ? undefined : integer(to))),
  sort: counted(1, 2, ([list, key]) => [...array(list)].sort(key === undefined ? order : (a, b) => order(own(a, key), own(b, key)))),
  unique: counted(1, 1, ([list]) => unique(array(list))),
  reverse: counted(1, 1, ([value]) => (Array.isArray(value) ? [...(value as unknown[])].reverse() : [...text(value)].reverse().join(''))),
  flatten: counted(1, 1, ([list]) => [...array(list)].flat(Infinity)),
  range: counted(1, 3, (args) => range(args.map(integer))),
  list: (args) => [...args],
  append: counted(2, Infinity, ([list, ...more]) => [...array(list), ...more]),
  union: counted(2, 2, ([a, b]) => unique([...array(a), ...array(b)])),
  intersect: counted(2, 2, ([a, b]) => unique(array(a).filter((item) => includes(array(b), item)))),
  difference: counted(2, 2, ([a, b]) => unique(array(a).filter((item) => !includes(array(b), item)))),
  pluck: counted(2, 2, ([list, key]) => array(list).map((item) => found(own(item, key), `found an element without ${text(key)}`))),
  keys: counted(1, 1, ([value]) => Object.keys(map(value))),
  values: counted(1, 1, ([value]) => Object.values(map(value))),
  items: counted(1, 1, ([value]) => Object.entries(map(value)).map(([key, item]) => dict(['key', key, 'value', item]))),
  dict: (args) => dict(args),
  combine: counted(2, 3, ([a, b, deep]) => combine(map(a), map(b), deep === undefined ? false : deep === 'recursive' || truth(deep))),
  in: counted(2, 2, ([value, container]) => contains(container, value)),
  contains: counted(2, 2, ([container, value]) => contains(container, value)),
  lookup: counted(2, 2, ([value, key]) => own(value, key)),
}

function size(value: unknown): number {
  if (Array.isArray(value)) return value.length
  return isMap(value) ? Object.keys(value).length : [...text(value)].length
}

function elements(value: unknown): readonly unknown[] {
  return typeof value === 'string' ? [...value] : array(value)
}

function includes(list: readonly unknown[], value: unknown): boolean {
  return list.some((item) => sameValue(item, value))
}

function unique(list: readonly unknown[]): unknown[] {
  const scalars = new Set<unknown>()
  const others: unknown[] = []
  return list.filter((item) => {
    const known = typeof item === 'object' && item !== null ? includes(others, item) : scalars.has(item)
    if (typeof item === 'object' && item !== null) others.push(item)
    else scalars.add(item)
    return !known
  })
}

function contains(container: unknown, value: unknown): boolean {
  if (Array.isArray(container)) return includes(container, value)
  return isMap(container) ? Object.hasOwn(container, text(value)) : text(container).includes(text(value))
}

/** As Python's: the end is not included. */
function range(args: readonly number[]): number[] {
  const [from, to, step] = args.length === 1 ? [0, args[0] as number, 1] : [args[0] as number, args[1] as number, args[2] ?? 1]
  if (step === 0) throw new Error('needs a step that is not 0')
  const length = bounded(Math.max(0, Math.ceil((to - from) / step)))
  return Array.from({ length }, (_, index) => from + index * step)
}

function dict(args: readonly unknown[]): Record<string, unknown> {
  if (args.length % 2 === 1) throw new Error(`takes names and values in turn, got ${args.length} arguments`)
  const result = emptyRecord()
  for (let at = 0; at < args.length; at += 2) result[name(text(args[at]))] = args[at + 1]
  return result
}

function combine(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>, deep: boolean): Record<string, unknown> {
  const result = emptyRecord()
  for (const key of Object.keys(a)) result[name(key)] = a[key]
  for (const key of Object.keys(b)) {
    const [mine, theirs] = [result[name(key)], b[key]]
    result[key] = deep && isMap(mine) && isMap(theirs) ? combine(mine, theirs, deep) : theirs
  }
  return result
}

function name(key: string): string {
  if (isPoison(key)) throw new Error(`cannot make a key called ${key}`)
  return key
}
