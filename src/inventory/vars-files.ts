/** `group_vars/` and `host_vars/`: files and directories named after groups and hosts, beside the inventory and beside the recipe. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { InputError } from '../errors.ts'
import { yamlLayer } from '../vars/load.ts'
import type { Layer } from '../vars/layer.ts'
import type { Draft } from './model.ts'

/** In the order in which they are looked for; a directory is looked for as the first. */
const EXTENSIONS = ['', '.yml', '.yaml', '.json']

/** The layers of one directory's group_vars/ and host_vars/. */
export class VarsDirectory {
  readonly path: string
  /** True when it belongs to a source of the inventory, and not (only) to the project or the recipe. */
  readonly besideInventory: boolean
  readonly #groups: NamedFiles
  readonly #hosts: NamedFiles

  /** Lists what is there; files are read when they are asked for. */
  constructor(path: string, besideInventory: boolean) {
    this.path = path
    this.besideInventory = besideInventory
    this.#groups = new NamedFiles(join(path, 'group_vars'))
    this.#hosts = new NamedFiles(join(path, 'host_vars'))
  }

  /**
   * Reads all that belongs to the groups and hosts of the inventory, so that mistakes show before anything is done.
   * Of several for one name the first counts (`web/` or `web`, `web.yml`, `web.yaml`, `web.json`), and the others are warned about.
   * @throws InputError with file, line and column.
   */
  readAll(draft: Draft): void {
    this.#groups.readAll((name) => draft.groups.has(name), draft)
    this.#hosts.readAll((name) => draft.hosts.has(name) || name === 'localhost', draft)
  }

  /** Layers of a group, the lowest first; read now when the group came to be after {@link readAll}. */
  group(name: string): readonly Layer[] {
    return this.#groups.layers(name)
  }

  /** As {@link group}, of a host. */
  host(name: string): readonly Layer[] {
    return this.#hosts.layers(name)
  }

  /** Reads what there is about a name, so that mistakes show now. */
  read(name: string): void {
    this.group(name)
    this.host(name)
  }
}

const NONE: readonly Layer[] = []

class NamedFiles {
  readonly #dir: string
  readonly #entries: ReadonlySet<string>
  readonly #layers = new Map<string, readonly Layer[]>()

  constructor(dir: string) {
    this.#dir = dir
    this.#entries = new Set(list(dir).sort())
  }

  readAll(known: (name: string) => boolean, draft: Draft): void {
    for (const entry of this.#entries) {
      const extension = extname(entry)
      const stem = entry.slice(0, entry.length - extension.length)
      const name = EXTENSIONS.includes(extension) && !known(entry) ? stem : entry
      const file = join(this.#dir, entry)
      if (!known(name)) {
        if (known(stem) && extension !== '') draft.warn(`${file} is not read: its name must end in .yml, .yaml or .json`, { file })
        continue
      }
      this.layers(name)
      const first = this.#first(name)
      if (entry !== first) draft.warn(`${file} is not read, for there is ${first} too, which comes first: join the two`, { file })
    }
  }

  layers(name: string): readonly Layer[] {
    if (this.#entries.size === 0) return NONE
    let layers = this.#layers.get(name)
    if (!layers) {
      const first = this.#first(name)
      this.#layers.set(name, (layers = first === undefined ? NONE : readOne(join(this.#dir, first))))
    }
    return layers
  }

  #first(name: string): string | undefined {
    return EXTENSIONS.map((extension) => name + extension).find((candidate) => this.#entries.has(candidate))
  }
}

function readOne(path: string): Layer[] {
  if (!statSync(path).isDirectory()) return [readFile(path)]
  const layers: Layer[] = []
  for (const entry of list(path).sort()) {
    if (entry.startsWith('.') || entry.endsWith('~')) continue
    const inner = join(path, entry)
    const isDirectory = statSync(inner).isDirectory()
    if (isDirectory && extname(entry) === '') layers.push(...readOne(inner))
    else if (!isDirectory && EXTENSIONS.includes(extname(entry))) layers.push(readFile(inner))
  }
  return layers
}

/** Not asynchronous, so that a group that comes to be during a run finds its variables at once. */
function readFile(file: string): Layer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new InputError('unreadable-file', `cannot read ${file}: ${(cause as Error).message}`, { location: { file }, cause })
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new InputError('not-utf8', `${file} is not UTF-8 text`, { location: { file }, cause })
  }
  return yamlLayer(text, file)
}

/** Names in a directory; none when there is no such directory. */
function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
