import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packaged } from '../../../src/paths.ts'
import { LIFE_STEPS, loadPhase, type PhaseName } from '../../../src/phase/index.ts'
import { importFile } from '../../../src/recipe/import.ts'
import { projectOf } from './files.ts'

const text = readFileSync(packaged('docs', 'phases.md'), 'utf8')

test('every phase in the documentation can be loaded as it stands there', async () => {
  const blocks = [...text.matchAll(/```\w+\n((?:#!.*\n)?(?:#|\/\/) phases\/vde\/(\S+)\n[^]*?)```/g)].map(([, code = '', name = '']) => ({ code, name }))
  assert.deepEqual(blocks.map(({ name }) => name), ['debian_12/dependencies.sh', 'main.yaml', 'main.ts', 'terminate.yaml'])
  for (const { code, name } of blocks) {
    const { dir } = projectOf({ [name]: code })
    const phase = (name.split('/').at(-1)?.split('.')[0] ?? '') as PhaseName
    assert.ok((await loadPhase(phase, join(dir, name), importFile)).parts.length > 0, name)
  }
})

test('the documentation names every step of a life', () => {
  for (const step of LIFE_STEPS) assert.match(text, new RegExp(`^\\| \`${step}\` \\|`, 'm'))
})
