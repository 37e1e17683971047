/** Where definitions lie: `<dir>/targets/<T>`, `<dir>/platforms/<P>` and `<dir>/platforms/<P>/<T>`, in several directories, the first hit wins. */
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { InputError, type Location } from '../../errors.ts'
import { packaged } from '../../paths.ts'
import { didYouMean } from '../../suggest.ts'

const ENDINGS = ['.yaml', '.yml', '.ts', '.js'] as const

/** A folder of definitions, below each of the directories. */
export interface Folder {
  /** `targets`, `platforms`, `platforms/debian_12`. */
  readonly path: string
  /** For messages: `target`, `platform`. */
  readonly kind: string
}

/** A file that was found, and in which of the directories. */
export interface FoundFile {
  readonly file: string
  readonly at: number
}

/** The user's directories, then farm's own. */
export function definitionDirs(dirs: readonly string[]): string[] {
  const own = packaged('inventory')
  return [...dirs.filter((dir) => dir !== own), own]
}

/** The first file of that name, in `dirs` from the one numbered `from` on. */
export async function findDefinition(dirs: readonly string[], folder: Folder, name: string, from = 0): Promise<FoundFile | undefined> {
  for (const [at, dir] of dirs.entries()) {
    if (at < from) continue
    for (const ending of ENDINGS) {
      const file = join(dir, folder.path, name + ending)
      if (await isFile(file)) return { file, at }
    }
  }
  return undefined
}

/** @throws InputError `definition-missing` with every path that was tried and the names that exist. */
export async function requireDefinition(dirs: readonly string[], folder: Folder, name: string, from: number, asked: { readonly by: string; readonly location: Location | undefined }): Promise<FoundFile> {
  const found = await findDefinition(dirs, folder, name, from)
  if (found) return found
  const tried = dirs.slice(from).flatMap((dir) => [join(dir, folder.path, `${name}{${ENDINGS.join(',')}}`)])
  const known = await knownNames(dirs, folder)
  throw new InputError('definition-missing', `there is no ${folder.kind} ${name}${asked.by}`, {
    location: asked.location,
    hint: didYouMean(name, known) ?? (known.length > 0 ? `known: ${known.join(', ')}` : `write ${join(dirs[0] ?? '.', folder.path, `${name}.yaml`)}`),
    details: tried.map((path) => `not found: ${path}`),
  })
}

/** The names for which a folder has files, sorted. */
export async function knownNames(dirs: readonly string[], folder: Folder): Promise<string[]> {
  const lists = await Promise.all(dirs.map((dir) => readdir(join(dir, folder.path)).catch(() => [])))
  const names = lists.flat().flatMap((file) => ENDINGS.filter((ending) => file.endsWith(ending)).map((ending) => basename(file, ending)))
  return [...new Set(names)].filter((name) => !(folder.path === 'platforms' && name === 'defaults') && !name.endsWith('.d')).sort()
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then((info) => info.isFile(), () => false)
}
