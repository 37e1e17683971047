/** The JSON that inventory programs print: groups with lists of hosts, and `_meta.hostvars`. */
import { InputError, type Location } from '../errors.ts'
import { describeValue, isMap, type ValuePath } from '../vars/layer.ts'
import type { ParsedYaml } from '../vars/yaml.ts'
import type { Draft, Group } from './model.ts'

/**
 * Reads the groups, and the variables in `_meta.hostvars`, into `draft`.
 * @throws InputError with file, line and column.
 */
export function readGroupList(draft: Draft, value: Record<string, unknown>, file: string, parsed: ParsedYaml): void {
  for (const [name, data] of Object.entries(value)) if (name !== '_meta') readGroup(draft, name, data, file, parsed)
  const meta = value['_meta']
  if (meta === null) throw shape('_meta must be a map', meta, at(parsed, file, ['_meta']))
  const hostvars = isMap(meta) ? meta['hostvars'] : undefined
  if (hostvars === undefined) return
  if (!isMap(hostvars)) throw shape('_meta.hostvars must be a map', hostvars, at(parsed, file, ['_meta', 'hostvars']))
  for (const [name, vars] of Object.entries(hostvars)) setHostVars(draft, name, vars, file, parsed, ['_meta', 'hostvars', name])
}

/** Sets what a program said about one host; about a host that no group names it is ignored. */
export function setHostVars(draft: Draft, name: string, vars: unknown, file: string, parsed: ParsedYaml, path: readonly string[]): void {
  const host = draft.hosts.get(name)
  if (!host) return
  if (!isMap(vars)) throw shape(`variables of the host ${name} must be a map`, vars, at(parsed, file, path))
  const origin = (inner: ValuePath): Location | undefined => parsed.locate([...path, ...inner])
  for (const [key, value] of Object.entries(vars)) draft.setHostVar(file, host, key, value, origin)
}

function readGroup(draft: Draft, name: string, data: unknown, file: string, parsed: ParsedYaml): void {
  const group = draft.group(name)
  const { hosts, vars, children } = sections(name, data)
  const where = (key: string): Location => at(parsed, file, [name, key])
  if (!Array.isArray(hosts)) throw shape(`hosts of the group ${name} must be a list`, hosts, where('hosts'))
  if (!isMap(vars)) throw shape(`vars of the group ${name} must be a map`, vars, where('vars'))
  if (!Array.isArray(children)) throw shape(`children of the group ${name} must be a list`, children, where('children'))
  const hostsAt = where('hosts')
  for (const host of hosts) draft.host(text(host, `a host of the group ${name}`, hostsAt), group, hostsAt)
  const origin = (inner: ValuePath): Location | undefined => parsed.locate([name, 'vars', ...inner])
  for (const [key, value] of Object.entries(vars)) draft.setGroupVar(file, group, key, value, origin)
  for (const child of children) addChild(draft, group, text(child, `a child of the group ${name}`, where('children')), where('children'))
}

/** Short forms: a list is the hosts; a map of other keys is one host of the group's name with these variables. */
function sections(name: string, data: unknown): { hosts: unknown; vars: unknown; children: unknown } {
  if (!isMap(data)) return { hosts: data, vars: {}, children: [] }
  if (!['hosts', 'vars', 'children'].some((key) => key in data)) return { hosts: [name], vars: data, children: [] }
  const or = (key: string, fallback: unknown): unknown => (key in data ? data[key] : fallback)
  return { hosts: or('hosts', []), vars: or('vars', {}), children: or('children', []) }
}

function addChild(draft: Draft, group: Group, child: string, location: Location): void {
  draft.addChild(group, draft.group(child), location)
}

function text(value: unknown, what: string, location: Location): string {
  if (typeof value === 'string') return value
  throw shape(`${what} must be text`, value, location)
}

function shape(rule: string, got: unknown, location: Location): InputError {
  return new InputError('inventory-shape', `${rule}, got ${describeValue(got)}`, { location })
}

function at(parsed: ParsedYaml, file: string, path: readonly string[]): Location {
  return parsed.locate(path) ?? parsed.locate(path.slice(0, -1)) ?? { file }
}
