/** The files that farm lays over the guests that it builds: templates/image/rootfs, and the script that builds them. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { packaged } from '../paths.ts'
import type { TarEntry } from './tar.ts'

const top = packaged('templates', 'image')
let files: readonly TarEntry[] | undefined

/** Every file of the tree, in a stable order; executable or not as on this machine. */
export function guestFiles(): readonly TarEntry[] {
  return (files ??= walk(join(top, 'rootfs')))
}

/** The text of the build script. */
export function readBuildScript(): string {
  return readFileSync(join(top, 'build.sh'), 'utf8')
}

function walk(root: string): TarEntry[] {
  return (readdirSync(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(root, file), mode: statSync(file).mode & 0o111 ? 0o755 : 0o644, content: readFileSync(file) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}
