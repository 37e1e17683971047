/** From sources to an inventory. */
import { basename, dirname, resolve } from 'node:path'
import { Inventory } from './inventory.ts'
import { Draft } from './model.ts'
import { readSource } from './source.ts'
import { VarsDirectory } from './vars-files.ts'

/** How {@link loadInventory} finds files. */
export interface InventoryOptions {
  /** The project: what relative sources and limit files are relative to; its group_vars/ and host_vars/ count. */
  readonly cwd: string
  /** Directories whose group_vars/ and host_vars/ count too, above all others: the recipe's. */
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
  draft.reading = undefined
  draft.finish()
  // Playbooks keep group_vars/ and host_vars/ next to inventory/, so farm looks there as well.
  const above = beside.filter((dir) => basename(dir) === 'inventory').map((dir) => dirname(dir))
  const cwd = resolve(options.cwd)
  const outer = lastOfEach([cwd, ...above, ...(options.extraDirs ?? []).map((dir) => resolve(cwd, dir))])
  const inner = lastOfEach(beside).filter((dir) => !outer.includes(dir))
  const read = (dir: string): VarsDirectory => {
    const directory = new VarsDirectory(dir, beside.includes(dir))
    directory.readAll(draft)
    return directory
  }
  return new Inventory(draft, inner.map(read), outer.map(read), cwd)
}

function lastOfEach(dirs: readonly string[]): string[] {
  return dirs.filter((dir, index) => dirs.lastIndexOf(dir) === index)
}
