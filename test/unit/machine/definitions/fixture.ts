/** Directories of definitions for one test, and a hypervisor that they are resolved for. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { InputError } from '../../../../src/errors.ts'
import { resolveDefinition, type DefinitionFacts, type MachineDefinition, type ResolveOptions } from '../../../../src/machine/definitions/index.ts'
import { importFile } from '../../../../src/recipe/import.ts'

export const facts: DefinitionFacts = { name: 'notebook', arch: 'x86_64', cpus: 8, memory: 16_000, memory_free: 12_000, distribution: 'debian', codename: 'bookworm', home: '/home/user' }

/** Writes files below a directory of the test's own. */
export async function definitionDir(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'farm-definitions-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  return dir
}

/** A platform of its own that needs no other file. */
export const PLATFORM = 'image:\n  - fetch: {url: https://example.com/a.qcow2, checksum: none}\n  - seed\n'

/** Resolves `platform/target`. */
export async function resolve(pair: string, dirs: readonly string[], options: Partial<ResolveOptions> & { readonly overrides?: Record<string, unknown> } = {}): Promise<MachineDefinition> {
  const [platform = '', target = ''] = pair.split('/')
  const { overrides = {}, ...rest } = options
  return resolveDefinition({ platform, target, overrides, location: { file: 'inventory.yaml', line: 7 } }, { dirs, facts, importModule: importFile, ...rest })
}

/** The InputError that a promise is rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<InputError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** All that an error says. */
export function everything(error: InputError): string {
  return [error.message, error.hint, error.location && `${error.location.file}:${error.location.line}`, ...error.details].join('\n')
}
