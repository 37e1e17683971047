/** YAML and JSON inventories: a tree of groups, each with `hosts`, `vars` and `children`, which are maps. */
import { basename } from 'node:path'
import { InputError, type Location } from '../errors.ts'
import { describeValue, isMap, type ValuePath } from '../vars/layer.ts'
import { didYouMean } from '../suggest.ts'
import { parseYaml, type ParsedYaml } from '../vars/yaml.ts'
import type { Draft, Group } from './model.ts'
import { expandHosts } from './ranges.ts'

const SECTIONS = ['vars', 'children', 'hosts'] as const

/**
 * Reads a YAML or JSON inventory into `draft`.
 * @throws InputError with file, line and column.
 */
export function readTree(draft: Draft, text: string, file: string): void {
  const parsed = parseYaml(text.replace(/^\uFEFF/, ''), file)
  const { value } = parsed
  if (value === null) {
    if (!/^---/m.test(text)) return draft.warn('the inventory is empty', { file })
    throw new InputError('inventory-shape', 'the inventory is empty', { location: { file, line: 1, column: 1 }, hint: 'write at least "all: {}"' })
  }
  if (!isMap(value)) {
    throw new InputError('inventory-shape', `an inventory is a map of groups, got ${describeValue(value)}`, { location: parsed.locate([]) ?? { file, line: 1, column: 1 } })
  }
  if (typeof value['plugin'] === 'string') {
    throw new InputError('inventory-plugin', `inventory plugins (${value['plugin']}) are not supported`, { location: parsed.locate(['plugin']), hint: 'use a program that prints JSON' })
  }
  if ('_meta' in value) {
    throw new InputError('inventory-shape', '_meta belongs into what inventory programs print', { location: parsed.locate(['_meta']), hint: `let a program print it: an executable script that says "cat ${basename(file)}"` })
  }
  const reader = new TreeReader(draft, file, parsed)
  for (const [name, group] of reader.named(value, [])) reader.group(name, group, [name])
}

class TreeReader {
  readonly #draft: Draft
  readonly #file: string
  readonly #parsed: ParsedYaml

  constructor(draft: Draft, file: string, parsed: ParsedYaml) {
    this.#draft = draft
    this.#file = file
    this.#parsed = parsed
  }

  /** The entries of a map whose keys are names. */
  named(map: Readonly<Record<string, unknown>>, path: readonly string[]): [string, unknown][] {
    const entries = Object.entries(map)
    const bad = entries.find(([key]) => !this.#parsed.isTextKey(map, key))?.[0]
    if (bad !== undefined) throw new InputError('inventory-shape', `names are text, and ${bad} is none`, { location: this.#at([...path, bad]), hint: `quote it: "${bad}"` })
    return entries
  }

  /** Undefined for what is no group: Ansible goes on without it, and so do we, but not in silence. */
  group(name: string, value: unknown, path: readonly string[]): Group | undefined {
    if (value !== null && !isMap(value)) {
      this.#draft.warn(`${name} is not a group and is ignored: expected a map with hosts, vars or children, got ${describeValue(value)}`, this.#at(path))
      return undefined
    }
    const group = this.#draft.group(name)
    if (value === null) return group
    this.#vars(group, this.#section(name, value, 'vars', path), path)
    for (const key of Object.keys(value)) {
      if (key === 'children') this.#children(group, this.#section(name, value, key, path), [...path, key])
      else if (key === 'hosts') this.#hosts(group, this.#section(name, value, key, path), [...path, key])
      else if (key !== 'vars') this.#unknown(name, key, [...path, key])
    }
    return group
  }

  #section(name: string, group: Record<string, unknown>, key: (typeof SECTIONS)[number], path: readonly string[]): Record<string, unknown> {
    const value = group[key] ?? {}
    if (isMap(value)) return value
    if (typeof value === 'string') return { [value]: null }
    throw new InputError('inventory-shape', `${key} of the group ${name} must be a map, got ${describeValue(value)}`, {
      location: this.#at([...path, key]),
      hint: Array.isArray(value) ? `write each name as a key: "${key === 'vars' ? 'name: value' : 'name:'}"` : undefined,
    })
  }

  #vars(group: Group, vars: Record<string, unknown>, path: readonly string[]): void {
    const origin = (inner: ValuePath): Location | undefined => this.#parsed.locate([...path, 'vars', ...inner])
    for (const [key, value] of Object.entries(vars)) this.#draft.setGroupVar(this.#file, group, key, value, origin)
  }

  #children(group: Group, children: Record<string, unknown>, path: readonly string[]): void {
    for (const [name, value] of this.named(children, path)) {
      const here = [...path, name]
      const child = this.group(name, value, here)
      if (child) this.#draft.addChild(group, child, () => this.#at(here))
    }
  }

  #hosts(group: Group, hosts: Record<string, unknown>, path: readonly string[]): void {
    for (const [pattern, value] of this.named(hosts, path)) {
      const here = [...path, pattern]
      const vars = value ?? {}
      if (!isMap(vars)) throw new InputError('inventory-shape', `variables of the host ${pattern} must be a map, got ${describeValue(vars)}`, { location: this.#at(here) })
      if (pattern === '') throw new InputError('host-name', 'a host has no name', { location: this.#at(here) })
      const plain = /^[^[\]:]+$/.test(pattern)
      const { names, port } = plain ? { names: [pattern], port: undefined } : expandHosts(pattern, this.#at(here))
      const origin = (inner: ValuePath): Location | undefined => this.#parsed.locate([...here, ...inner])
      if (names.length === 0) this.#draft.warn(`${pattern} names no host`, this.#at(here))
      for (const host of this.#draft.hostsAt(names, port, group, undefined, () => this.#parsed.locate(here))) {
        for (const key of Object.keys(vars)) this.#draft.setHostVar(this.#file, host, key, vars[key], origin)
      }
    }
  }

  #unknown(group: string, key: string, path: readonly string[]): void {
    const near = didYouMean(key, SECTIONS)
    this.#draft.warn(`${key} in the group ${group} is ignored: only hosts, vars and children mean something${near ? `; ${near}` : ''}`, this.#at(path))
  }

  #at(path: readonly string[]): Location {
    return this.#parsed.locate(path) ?? { file: this.#file }
  }
}
