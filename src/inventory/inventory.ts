/** The inventory as the layers above use it: hosts, groups, patterns, and the variables of each host in Ansible's order. */
import { basename, dirname, resolve } from 'node:path'
import { InputError } from '../errors.ts'
import { layerOf, type Layer } from '../vars/layer.ts'
import { didYouMean } from '../suggest.ts'
import { hostJson, listJson } from './json.ts'
import { Draft, type Group, type InventoryHost, type Warning } from './model.ts'
import { evaluate, LOCALHOSTS, splitLimit, splitPattern, type Unknown } from './pattern.ts'
import { readSource } from './source.ts'
import { readVarsDirectory, type VarsDirectory } from './vars-files.ts'

/** How {@link loadInventory} finds files. */
export interface InventoryOptions {
  /** What relative sources and limit files are relative to. */
  readonly cwd: string
  /** Directories whose group_vars/ and host_vars/ count too, above those beside the inventory: the recipe's, the project's. */
  readonly extraDirs?: readonly string[] | undefined
}

/**
 * Reads all sources, in order: what a later one sets wins. A source is a file (INI, YAML, JSON, a program that prints JSON), a
 * directory of such files, or names with commas.
 * @throws InputError with file, line and column.
 */
export async function loadInventory(sources: readonly string[], options: InventoryOptions): Promise<Inventory> {
  const draft = new Draft()
  const beside: string[] = []
  for (const source of sources) {
    const dir = await readSource(draft, source, options.cwd)
    if (dir !== undefined) beside.push(dir)
  }
  draft.finish()
  // Playbooks keep group_vars/ and host_vars/ next to inventory/, so farm looks there as well.
  const above = beside.filter((dir) => basename(dir) === 'inventory').map((dir) => dirname(dir))
  const recipeDirs = [...above, ...(options.extraDirs ?? []).map((dir) => resolve(options.cwd, dir))]
  const inner = lastOfEach(beside.filter((dir) => !recipeDirs.includes(dir)))
  const outer = lastOfEach(recipeDirs)
  const read = async (dirs: readonly string[]): Promise<VarsDirectory[]> => Promise.all(dirs.map((dir) => readVarsDirectory(draft, dir)))
  return new Inventory(draft, await read(inner), await read(outer), options.cwd)
}

function lastOfEach(dirs: readonly string[]): string[] {
  return dirs.filter((dir, index) => dirs.lastIndexOf(dir) === index)
}

/** Hosts, groups and their variables; does not change once it is loaded. */
export class Inventory {
  readonly #draft: Draft
  readonly #inner: readonly VarsDirectory[]
  readonly #outer: readonly VarsDirectory[]
  readonly #cwd: string
  /** Sorted ancestors, by the names of a host's own groups: few lists serve many hosts. */
  readonly #chains = new Map<string, readonly Group[]>()
  readonly #implicit = new Map<string, InventoryHost>()

  constructor(draft: Draft, inner: readonly VarsDirectory[], outer: readonly VarsDirectory[], cwd: string) {
    this.#draft = draft
    this.#inner = inner
    this.#outer = outer
    this.#cwd = cwd
  }

  /** Names of all hosts, in the order of the sources. */
  get hosts(): readonly string[] {
    return [...this.#draft.hosts.keys()]
  }

  /** All groups with the names of their hosts (those of child groups included), `all` and `ungrouped` first. */
  get groups(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#draft.groups.values()].map((group) => [group.name, group.name === 'all' ? this.hosts : [...group.allHosts()].map((host) => host.name)]))
  }

  /** The groups directly below one. */
  children(group: string): readonly string[] {
    return [...(this.#draft.groups.get(group)?.children ?? [])].map((child) => child.name)
  }

  /** What is no error and should be said. */
  get warnings(): readonly Warning[] {
    return this.#draft.warnings
  }

  /**
   * The hosts that `pattern` selects, narrowed by `limit` (which may contain `@file`).
   * @throws InputError for unknown plain names unless `unknown` says to ignore them, and when a limit leaves no host.
   */
  select(pattern: string, limit?: string, options: { readonly unknown?: Unknown } = {}): string[] {
    const unknown = options.unknown ?? 'refuse'
    const hosts = evaluate(splitPattern(pattern || 'all'), this.#draft, unknown)
    if (limit === undefined) return [...hosts]
    const allowed = evaluate(splitLimit(limit, this.#cwd), this.#draft, unknown)
    const left = [...hosts].filter((host) => allowed.has(host))
    if (left.length === 0) throw new InputError('no-hosts', `the limit ${JSON.stringify(limit)} leaves none of the hosts ${JSON.stringify(pattern)}`)
    return left
  }

  /**
   * The layers that set a host's variables, lowest first: the magic variables, then Ansible's order.
   * @throws InputError for a name that is no host; `localhost` always is one.
   */
  layers(name: string): Layer[] {
    const host = this.#host(name)
    const groups = this.#chain(host)
    const all = this.#draft.group('all')
    const files = (dirs: readonly VarsDirectory[], chosen: readonly Group[]): readonly Layer[] =>
      dirs.flatMap((dir) => chosen.flatMap((group) => dir.groups.get(group.name) ?? []))
    const own = (dirs: readonly VarsDirectory[]): readonly Layer[] => dirs.flatMap((dir) => dir.hosts.get(name) ?? [])
    return [
      this.#magic(host, groups),
      ...all.layers,
      ...groups.flatMap((group) => group.layers),
      ...files(this.#inner, [all]),
      ...files(this.#outer, [all]),
      ...files(this.#inner, groups),
      ...files(this.#outer, groups),
      ...host.layers,
      ...own(this.#inner),
      ...own(this.#outer),
    ]
  }

  /** The JSON of `ansible-inventory --list`; `extra` layers win over all others. */
  toList(extra: readonly Layer[] = []): Record<string, unknown> {
    return listJson(this.#draft, (host) => this.toHost(host, extra))
  }

  /** The JSON of `ansible-inventory --host`: raw values, without the magic variables. */
  toHost(name: string, extra: readonly Layer[] = []): Record<string, unknown> {
    return hostJson([...this.layers(name).slice(1), ...extra])
  }

  #host(name: string): InventoryHost {
    const host = this.#draft.hosts.get(name) ?? this.#implicit.get(name)
    if (host) return host
    if (!LOCALHOSTS.includes(name)) throw new InputError('unknown-host', `no host is called ${name}`, { hint: didYouMean(name, this.hosts) })
    const draft = new Draft()
    const made = draft.host(name, draft.group('all'))
    draft.setHostVar('implicit localhost', made, 'ansible_connection', 'local', { file: 'implicit localhost' })
    made.groups.clear()
    this.#implicit.set(name, made)
    return made
  }

  /** The host's groups and their ancestors without `all`, the weakest first: by depth, priority, name. */
  #chain(host: InventoryHost): readonly Group[] {
    const key = [...host.groups].map((group) => group.name).sort().join('\0')
    let chain = this.#chains.get(key)
    if (!chain) {
      const found = new Set<Group>()
      const climb = (group: Group): void => {
        if (found.has(group)) return
        found.add(group)
        for (const parent of group.parents) climb(parent)
      }
      for (const group of host.groups) climb(group)
      found.delete(this.#draft.group('all'))
      chain = [...found].sort((a, b) => a.depth - b.depth || a.priority - b.priority || (a.name < b.name ? -1 : 1))
      this.#chains.set(key, chain)
    }
    return chain
  }

  #magic(host: InventoryHost, groups: readonly Group[]): Layer {
    return layerOf('magic variables', {
      inventory_hostname: host.name,
      inventory_hostname_short: host.name.split('.')[0],
      group_names: groups.map((group) => group.name).sort(),
    })
  }
}
