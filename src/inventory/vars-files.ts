/** `group_vars/` and `host_vars/`: files and directories named after groups and hosts, beside the inventory and beside the recipe. */
import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { loadYaml } from '../vars/load.ts'
import type { Layer } from '../vars/layer.ts'
import type { Draft } from './model.ts'

/** In the order in which they are looked for; a directory is looked for as the first. */
const EXTENSIONS = ['', '.yml', '.yaml', '.json']

/** The layers of one directory, by group and by host. */
export interface VarsDirectory {
  readonly groups: ReadonlyMap<string, readonly Layer[]>
  readonly hosts: ReadonlyMap<string, readonly Layer[]>
}

/**
 * Reads all files under `dir` that belong to a group or a host of the inventory. Of several for one name the first counts
 * (`web/` or `web`, `web.yml`, `web.yaml`, `web.json`), and the others are warned about.
 * @throws InputError with file, line and column.
 */
export async function readVarsDirectory(draft: Draft, dir: string): Promise<VarsDirectory> {
  return {
    groups: await readNamed(draft, join(dir, 'group_vars'), (name) => draft.groups.has(name)),
    hosts: await readNamed(draft, join(dir, 'host_vars'), (name) => draft.hosts.has(name) || name === 'localhost'),
  }
}

async function readNamed(draft: Draft, dir: string, known: (name: string) => boolean): Promise<Map<string, Layer[]>> {
  const layers = new Map<string, Layer[]>()
  const entries = new Set(await readdir(dir).catch(() => []))
  for (const entry of [...entries].sort()) {
    const name = EXTENSIONS.includes(extname(entry)) && !known(entry) ? entry.slice(0, entry.length - extname(entry).length) : entry
    if (!known(name)) {
      const stem = entry.slice(0, entry.length - extname(entry).length)
      if (known(stem) && extname(entry) !== '') draft.warn(`${join(dir, entry)} is not read: its name must end in .yml, .yaml or .json`, { file: join(dir, entry) })
      continue
    }
    const first = EXTENSIONS.map((extension) => name + extension).find((candidate) => entries.has(candidate))
    if (entry === first) layers.set(name, await readOne(join(dir, entry)))
    else draft.warn(`${join(dir, entry)} is not read: ${first} comes first`, { file: join(dir, entry) })
  }
  return layers
}

async function readOne(path: string): Promise<Layer[]> {
  if (!(await stat(path)).isDirectory()) return [await loadYaml(path)]
  const layers: Layer[] = []
  for (const entry of (await readdir(path)).sort()) {
    if (entry.startsWith('.') || entry.endsWith('~')) continue
    const inner = join(path, entry)
    const isDirectory = (await stat(inner)).isDirectory()
    if (isDirectory && extname(entry) === '') layers.push(...(await readOne(inner)))
    else if (!isDirectory && EXTENSIONS.includes(extname(entry))) layers.push(await loadYaml(inner))
  }
  return layers
}
