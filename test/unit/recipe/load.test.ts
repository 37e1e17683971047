import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { FarmError } from '../../../src/errors.ts'
import { findRecipe, varsOf } from '../../../src/recipe/index.ts'

const dir = mkdtempSync(join(tmpdir(), 'farm recipe é '))
after(() => rmSync(dir, { recursive: true }))

function write(name: string, ...lines: readonly string[]): string {
  const file = join(dir, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

test('a user\'s recipe is TypeScript that imports farm, wherever it stands', async () => {
  const file = write('mine.ts', "import { recipe, task, z } from 'farm'", "const greet = task('Greet', async ({ host }): Promise<void> => { await host.$`true` })", "export default recipe({ description: 'mine', hosts: 'all', vars: z.object({ word: z.string().default('hello') }), tasks: [greet] })")
  const loaded = await findRecipe(file)
  assert.deepEqual([loaded.name, loaded.description, loaded.recipes.length, Object.keys((await varsOf(loaded)).shape)], ['mine', 'mine', 1, ['word']])
})

test('errors that it throws are those that farm knows', async () => {
  const file = write('throws.ts', "import { InputError } from 'farm'", "throw new InputError('mine', 'no')")
  await assert.rejects(findRecipe(file), (error) => error instanceof FarmError && error.code === 'mine')
})

test('a file may hold a sequence of recipes', async () => {
  const file = write('sequence.ts', "import { recipe, sequence, task } from 'farm'", "const one = recipe({ description: 'one', hosts: 'a', tasks: [task('x', () => {})] })", "export default sequence('both', [one, one])")
  const { recipes, description } = await findRecipe(file)
  assert.deepEqual([recipes.length, description], [2, 'both'])
})

describe('a file that is wrong is an error with file, line and column, and the line itself', () => {
  const cases: readonly [title: string, lines: readonly string[], code: string, line: number | undefined, shows: RegExp][] = [
    ['syntax', ["import { recipe } from 'farm'", '', 'export default recipe({', "  description: 'x',", "  hosts: 'all'", '  tasks: [],', '})'], 'recipe-syntax', 6, /6 \| {3}tasks: \[\],\n {2}\| {3}\^/],
    ['an import that leads nowhere', ["import { recipe } from 'farm'", "import x from './nope.ts'", 'export default recipe({ description: x })'], 'recipe-broken', 2, /nope\.ts/],
    ['a mistake at loading', ["import { recipe } from 'farm'", 'const a = undefined as unknown as { b: string }', 'export default recipe({ description: a.b })'], 'recipe-broken', 3, /a\.b/],
    ['no recipe', ["export const x = 'y'"], 'not-a-recipe', undefined, /^$/],
  ]
  for (const [title, lines, code, line, shows] of cases) {
    test(title, async () => {
      const file = write(`${title.replaceAll(' ', '-')}.ts`, ...lines)
      const error = (await findRecipe(file).then(() => undefined, (thrown: unknown) => thrown)) as FarmError
      assert.deepEqual([error.code, error.exitCode, error.location?.file, error.location?.line], [code, 65, file, line])
      assert.match(error.details.join('\n'), shows)
    })
  }
})

test('a recipe that is not there is named with the nearest one', async () => {
  await assert.rejects(findRecipe('provision-clutser'), { code: 'unknown-recipe', exitCode: 64, hint: /did you mean "provision-cluster"/ })
  await assert.rejects(findRecipe(join(dir, 'none.ts')), { code: 'unknown-recipe', exitCode: 64 })
})
