/** How one definition lies over another: maps grow together, lists and scalars are replaced, null takes a field away. */
import { emptyRecord, isMap, isPoison, poisonError } from '../../vars/layer.ts'

/** A new map; neither argument is changed. No null is left in it, at any depth. */
export function mergeMaps(base: Readonly<Record<string, unknown>>, over: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result = emptyRecord()
  for (const key of Object.keys(base)) result[safe(key)] = base[key]
  for (const key of Object.keys(over)) {
    const [mine, theirs] = [result[safe(key)], over[key]]
    if (theirs === null || theirs === undefined) delete result[key]
    else result[key] = isMap(theirs) ? mergeMaps(isMap(mine) ? mine : {}, theirs) : withoutNulls(theirs)
  }
  return result
}

/** In a list an element may be null, and is then a mistake for the schema; the fields of its maps are as those of all maps. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  return isMap(value) ? mergeMaps({}, value) : value
}

function safe(key: string): string {
  if (isPoison(key)) throw poisonError(key, undefined)
  return key
}
