/** The JSON that `ansible-inventory` prints, which other tools read. */
import { isMap, Unsafe, type Layer } from '../vars/layer.ts'
import type { Draft, Group } from './model.ts'

/** Variables that Ansible keeps to itself. */
const INTERNAL = new Set(
  'ansible_diff_mode ansible_config_file ansible_facts ansible_forks ansible_inventory_sources ansible_limit ansible_playbook_python ansible_run_tags ansible_skip_tags ansible_verbosity ansible_version inventory_dir inventory_file inventory_hostname inventory_hostname_short groups group_names omit playbook_dir'.split(
    ' ',
  ),
)

/** Raw variables of a stack of layers; text marked unsafe as `{"__ansible_unsafe": …}`. */
export function hostJson(layers: readonly Layer[]): Record<string, unknown> {
  const vars: Record<string, unknown> = {}
  for (const { values } of layers) for (const key of Object.keys(values)) if (!INTERNAL.has(key)) vars[key] = toJson(values[key])
  return vars
}

/** Groups with hosts and children, and `_meta.hostvars` of hosts that have variables. Groups without either are left out. */
export function listJson(draft: Draft, varsOf: (host: string) => Record<string, unknown>): Record<string, unknown> {
  const hostvars: Record<string, unknown> = {}
  for (const name of draft.hosts.keys()) {
    const vars = varsOf(name)
    if (Object.keys(vars).length > 0) hostvars[name] = vars
  }
  const list: Record<string, unknown> = { _meta: { hostvars } }
  const visit = (group: Group): void => {
    if (group.name in list) return
    const hosts = group.name === 'all' ? [] : [...group.hosts].map((host) => host.name)
    const children = [...group.children].map((child) => child.name)
    if (hosts.length > 0 || children.length > 0) list[group.name] = { ...(hosts.length > 0 ? { hosts } : {}), ...(children.length > 0 ? { children } : {}) }
    for (const child of group.children) visit(child)
  }
  visit(draft.group('all'))
  return list
}

function toJson(value: unknown): unknown {
  if (value instanceof Unsafe) return { __ansible_unsafe: value.text }
  if (Array.isArray(value)) return value.map(toJson)
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)])) : value
}
