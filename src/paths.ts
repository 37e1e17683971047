/** Where farm's own files stand, and where a user's are kept. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory that holds farm's package.json, whether run from source or from dist/. */
export const packageRoot: string = findUp(dirname(fileURLToPath(import.meta.url)))

function findUp(start: string): string {
  for (let dir = start; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return dir
    if (dir === dirname(dir)) return start
  }
}

/** A file or directory that ships with farm, e.g. `packaged('templates', 'domain.xml.hbs')`. */
export function packaged(...parts: string[]): string {
  return join(packageRoot, ...parts)
}

/** Compiled code that ships with farm: dist/… when built, the source itself otherwise. */
export function packagedCode(...parts: string[]): string {
  const compiled = import.meta.url.endsWith('.js')
  return compiled ? join(packageRoot, 'dist', ...parts) : join(packageRoot, ...parts)
}

/** The user's directory for farm's keys: `$XDG_DATA_HOME/farm`. */
export function dataDir(): string {
  return join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'farm')
}

/** The user's directory for what farm can make anew: `$XDG_STATE_HOME/farm`. */
export function stateDir(): string {
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'farm')
}

/** Expands a leading `~/` and makes a path absolute against `base`. */
export function expandPath(path: string, base: string = process.cwd()): string {
  if (path === '~') return homedir()
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(base, path)
}
