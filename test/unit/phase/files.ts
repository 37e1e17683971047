/** Project directories of the tests' own, gone when the file of tests ends. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import type { Project } from '../../../src/phase/index.ts'

/** Writes files into a new project directory; a name that ends in `*` is executable. */
export function projectOf(files: Readonly<Record<string, string>>): Project {
  const root = mkdtempSync(join(tmpdir(), 'farm-phase-'))
  after(() => rmSync(root, { recursive: true }))
  const project = { dir: join(root, 'phases', 'demo'), shown: 'phases/demo' }
  mkdirSync(project.dir, { recursive: true })
  for (const [name, text] of Object.entries(files)) write(project, name, text)
  return project
}

/** Writes one more file. */
export function write({ dir }: Project, name: string, text: string): string {
  const file = join(dir, name.replace(/\*$/, ''))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  if (name.endsWith('*')) chmodSync(file, 0o755)
  return file
}
