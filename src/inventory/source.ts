/** What a source of an inventory is, decided once: by what it is called, by its first lines, never by trying one parser after another. */
import { constants } from 'node:fs'
import { access, open, readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { InputError } from '../errors.ts'
import { expandPath } from '../paths.ts'
import { conceal } from '../secrets.ts'
import { currentKeyring } from '../vars/keyring.ts'
import { readText } from '../vars/load.ts'
import { isVaultText } from '../vars/vault.ts'
import { readIni } from './ini.ts'
import type { Draft } from './model.ts'
import { readProgram } from './program.ts'
import { parseAddress } from './ranges.ts'
import { readTree } from './tree.ts'

/** Endings that are passed over in directories. */
const IGNORED = ['.pyc', '.pyo', '.swp', '.bak', '~', '.rpm', '.md', '.txt', '.rst', '.orig', '.ini', '.cfg', '.retry']
const NOT_SOURCES = ['host_vars', 'group_vars', 'vars_plugins', 'targets', 'platforms']

/**
 * Reads one source into `draft`: a path, or names separated by commas (`a,b` or `a,`).
 * Resolves with the directory whose group_vars/ and host_vars/ belong to it; undefined for a list of names.
 */
export async function readSource(draft: Draft, source: string, cwd: string): Promise<string | undefined> {
  const path = expandPath(source, cwd)
  const info = await stat(path).catch(() => undefined)
  if (!info && source.includes(',')) return readList(draft, source)
  if (!info) throw new InputError('inventory-missing', `there is no inventory ${source}`, { location: { file: path }, hint: 'a path, or names with a comma: -i web1,web2 or -i web1,' })
  if (!info.isDirectory()) {
    await readInventoryFile(draft, path)
    return join(path, '..')
  }
  if ((await readDirectory(draft, path)) === 0) throw new InputError('inventory-missing', `the directory ${source} holds no inventory`, { location: { file: path } })
  return path
}

function readList(draft: Draft, source: string): undefined {
  draft.reading = undefined
  for (const entry of source.split(',').map((name) => name.trim())) {
    if (!entry) continue
    const address = entry.includes('[') && !entry.startsWith('[') ? undefined : parseAddress(entry)
    draft.hostsAt([address?.host ?? entry], address?.port || undefined, draft.group('ungrouped'), undefined, { file: source })
  }
}

/** Files in alphabetical order, directories within included; the number of files read. */
async function readDirectory(draft: Draft, dir: string): Promise<number> {
  let count = 0
  for (const name of (await readdir(dir)).sort()) {
    if (name.startsWith('.') || NOT_SOURCES.includes(name)) continue
    const path = join(dir, name)
    if (IGNORED.some((ending) => name.endsWith(ending))) {
      if (/\.(ini|cfg)$/.test(name)) draft.warn(`${path} is passed over: *${extname(name)} is not read from a directory`, { file: path })
      continue
    }
    const info = await stat(path)
    if (info.isDirectory()) count += await readDirectory(draft, path)
    else {
      await readInventoryFile(draft, path)
      count++
    }
  }
  return count
}

async function readInventoryFile(draft: Draft, file: string): Promise<void> {
  draft.reading = file
  const extension = extname(file).toLowerCase()
  const start = await firstBytes(file)
  const executable = await access(file, constants.X_OK).then(() => true, () => false)
  const script = start.startsWith('#!')
  if (executable && (script || start.startsWith('\x7fELF'))) return readProgram(draft, file)
  const named = ({ '.yml': 'tree', '.yaml': 'tree', '.json': 'tree', '.ini': 'ini', '.cfg': 'ini' } as const)[extension]
  if (script && !named) throw new InputError('inventory-program', `${file} is a program that may not be executed`, { location: { file, line: 1, column: 1 }, hint: `chmod +x ${file}` })
  const text = await readText(file)
  const plain = isVaultText(text) ? currentKeyring().decrypt(text, { file, line: 1 }) : text
  if ((named ?? kindOf(plain)) !== 'ini') return readTree(draft, text, file)
  if (plain !== text) concealValues(plain)
  readIni(draft, plain, file)
}

/** What an encrypted INI file holds is secret: all that stands behind an equals sign. */
function concealValues(ini: string): void {
  for (const [, value, ...words] of ini.matchAll(/=[ \t]*((?:"([^"\n]*)"|'([^'\n]*)'|(\S+)).*)/g)) for (const text of [value, ...words]) if (text !== undefined) conceal(text)
}

/** Decides by the first line that says something. `---`, `name:` and `{` begin trees, everything else is INI. */
function kindOf(text: string): 'ini' | 'tree' {
  const line = text.split(/\r\n|\r|\n/).find((candidate) => /^\s*[^\s#;]/.test(candidate))?.trim() ?? ''
  if (/^(---(\s|$)|%YAML|\{)/.test(line)) return 'tree'
  return !line.startsWith('[') && /^("[^"]*"|'[^']*'|[^\s=:]+(?: [^\s=:]+)*)\s*:(\s|$)/.test(line) ? 'tree' : 'ini'
}

async function firstBytes(file: string): Promise<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new InputError('unreadable-file', `cannot read ${file}: ${(cause as Error).message}`, { location: { file }, cause })
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead).toString('latin1')
  } finally {
    await handle.close()
  }
}
