/** The data that `ansible-inventory` prints, which other tools read: as JSON, and as the tree of YAML inventories. */
import { isMap, Tagged, Unsafe, Vaulted, type Layer } from '../vars/layer.ts'
import type { Draft, Group } from './model.ts'

/** Variables that Ansible keeps to itself. */
const INTERNAL = new Set(
  'ansible_diff_mode ansible_config_file ansible_facts ansible_forks ansible_inventory_sources ansible_limit ansible_playbook_python ansible_run_tags ansible_skip_tags ansible_verbosity ansible_version inventory_dir inventory_file inventory_hostname inventory_hostname_short groups group_names omit playbook_dir'.split(
    ' ',
  ),
)

/** Chooses hosts by name. */
export type Choice = (host: string) => boolean

/** Raw variables of a stack of layers, tags included, without those that Ansible keeps to itself. */
export function hostVars(layers: readonly Layer[]): Record<string, unknown> {
  const vars: Record<string, unknown> = {}
  for (const { values } of layers) for (const key of Object.keys(values)) if (!INTERNAL.has(key)) vars[key] = values[key]
  return vars
}

/** As {@link hostVars}, as JSON: text marked unsafe is `{"__ansible_unsafe": …}`, encrypted text is `{"__ansible_vault": …}`. */
export function hostJson(layers: readonly Layer[]): Record<string, unknown> {
  return toJson(hostVars(layers)) as Record<string, unknown>
}

/** Groups with hosts and children, and `_meta.hostvars` of hosts that have variables. Groups without either are left out. */
export function listJson(draft: Draft, varsOf: (host: string) => Record<string, unknown>, chosen: Choice): Record<string, unknown> {
  const hostvars: Record<string, unknown> = {}
  for (const name of draft.hosts.keys()) {
    const vars = chosen(name) ? varsOf(name) : {}
    if (Object.keys(vars).length > 0) hostvars[name] = vars
  }
  const list: Record<string, unknown> = { _meta: { hostvars } }
  const visit = (group: Group): void => {
    if (group.name in list) return
    const hosts = group.name === 'all' ? [] : hostsOf(group, chosen)
    const children = [...group.children].map((child) => child.name)
    if (hosts.length > 0 || children.length > 0) list[group.name] = { ...(hosts.length > 0 ? { hosts } : {}), ...(children.length > 0 ? { children } : {}) }
    for (const child of group.children) visit(child)
  }
  visit(draft.group('all'))
  return list
}

/** The tree of `ansible-inventory --list --yaml`; a host's variables stand where it occurs first. Values keep their tags. */
export function listTree(draft: Draft, varsOf: (host: string) => Record<string, unknown>, chosen: Choice): Record<string, unknown> {
  const seen = new Set<string>()
  const node = (group: Group): Record<string, unknown> => {
    const children = Object.fromEntries([...group.children].map((child) => [child.name, node(child)]))
    const hosts: Record<string, unknown> = {}
    for (const name of group.name === 'all' ? [] : hostsOf(group, chosen)) {
      hosts[name] = seen.has(name) ? {} : varsOf(name)
      seen.add(name)
    }
    return { ...(Object.keys(children).length > 0 ? { children } : {}), ...(Object.keys(hosts).length > 0 ? { hosts } : {}) }
  }
  return { all: node(draft.group('all')) }
}

/** Names of a group's own hosts. */
export function hostsOf(group: Group, chosen: Choice): string[] {
  return [...group.hosts].map((host) => host.name).filter(chosen)
}

function toJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Unsafe) return { __ansible_unsafe: value.text }
  if (value instanceof Vaulted) return { __ansible_vault: value.text }
  if (value instanceof Tagged) return value.text
  if (Array.isArray(value)) return value.map(toJson)
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)])) : value
}
