import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { FarmExtras } from '../../../src/cli/engine.ts'
import { layers } from '../../../src/cli/engine.ts'
import { farm } from './rig.ts'

const dir = mkdtempSync(join(tmpdir(), 'farm-options-'))
after(() => rmSync(dir, { recursive: true }))
const file = join(dir, 'greet.ts')
writeFileSync(file, `
import { recipe, task, z } from 'farm'
export default recipe({
  description: 'Greets', hosts: 'all', lock: false,
  vars: z.object({
    greeting: z.string().default('hello').describe('What is said'), loud: z.boolean().default(false), how_often: z.number().int().default(1).meta({ unit: 'times' }),
    names: z.array(z.string()).default([]), sizes: z.record(z.string(), z.number()).default({}), users: z.array(z.object({ name: z.string() })).default([]),
    limit: z.string().default('none'), pin: z.string().default('0000').meta({ secret: true }),
  }),
  tasks: [task('Greet', ({ vars, result }) => result([JSON.stringify(vars)], vars))],
})
`)

/** Runs the recipe for real on this computer. Resolves with its variables, and what was printed. */
async function greet(...argv: string[]): Promise<{ readonly code: number; readonly vars: Record<string, unknown>; readonly out: string; readonly err: string }> {
  const { code, out, err } = await farm(['run', ...argv, '--json'], layers)
  const result = out.split('\n').find((line) => line.includes('"type":"result"'))
  return { code, out, err, vars: result === undefined ? {} : (JSON.parse(result) as { data: Record<string, unknown> }).data }
}

describe('a variable of the recipe is an option', () => {
  const cases: readonly (readonly [string[], Record<string, unknown>])[] = [
    [['--greeting', 'good day'], { greeting: 'good day' }],
    [['--greeting=-v'], { greeting: '-v' }],
    [['--loud'], { loud: true }],
    [['--loud=no'], { loud: false }],
    [['--how-often', '3'], { how_often: 3 }],
    [['--names', 'a,b', '--names=c'], { names: ['a', 'b', 'c'] }],
    [['--names', '["a,b"]'], { names: ['a,b'] }],
    [['--sizes', '{"a": 1}'], { sizes: { a: 1 } }],
    [['--users', '{"name": "x"}', '--users', '[{"name": "y"}]'], { users: [{ name: 'x' }, { name: 'y' }] }],
    [['-e', 'greeting=weaker', '--greeting', 'stronger'], { greeting: 'stronger' }],
    [['--limit', 'all', '-e', 'limit=mine'], { limit: 'mine' }],
  ]
  for (const [argv, wanted] of cases) {
    test(argv.join(' '), async () => {
      const { code, vars, err } = await greet(file, ...argv)
      assert.deepEqual([code, Object.fromEntries(Object.keys(wanted).map((name) => [name, vars[name]]))], [0, wanted], err)
    })
  }
  test('before the name of the recipe too, when it has its value with it', async () => {
    assert.equal((await greet('--greeting=early', file)).vars['greeting'], 'early')
  })
  test('and what does not suit it is an error that names the option', async () => {
    const { code, out } = await greet(file, '--how-often', 'always')
    assert.equal(code, 65)
    assert.match(out, /--how-often/)
  })
  test('and a recipe that cannot be loaded says so itself', async () => {
    writeFileSync(join(dir, 'broken.ts'), 'export default 1\n')
    const { code, err } = await greet(join(dir, 'broken.ts'), '--greeting', 'x')
    assert.equal(code, 65)
    assert.match(err, /has no recipe as its default export/)
  })
  test('and what is to be JSON and is not is refused', async () => {
    const { code, err } = await greet(file, '--sizes', 'a=1')
    assert.equal(code, 64)
    assert.match(err, /--sizes takes JSON/)
  })
  test('and what is neither farm\'s nor the recipe\'s is an error with the nearest of both', async () => {
    for (const [typed, near] of [['--greting', '--greeting'], ['--chekc', '--check']] as const) {
      const { code, err } = await greet(file, typed)
      assert.equal(code, 64)
      assert.match(err, new RegExp(`did you mean ${near}\\?`))
    }
  })
  test('and a text that begins with a dash needs an equals sign', async () => {
    const { code, err } = await greet(file, '--greeting', '-v')
    assert.equal(code, 64)
    assert.match(err, /--greeting=-v/)
  })
  test('which help lists, with its meaning and default', async () => {
    const { code, out } = await farm(['run', file, '--help'], layers)
    assert.equal(code, 0)
    assert.match(out, /Variables of the recipe\n[\s\S]*--greeting TEXT +What is said \(default: hello\)[\s\S]*--how-often times/)
    assert.doesNotMatch(out, /--limit TEXT/)
  })
  test('which descriptions mention', async () => {
    assert.match((await farm(['describe', file], layers)).out, /Each is an option of `farm run` too: --greeting/)
  })
  test('and a secret one stands in no event and no journal', async () => {
    const { out, vars } = await greet(file, '--pin', 'geheim-4711')
    assert.equal(vars['pin'], '********')
    assert.doesNotMatch(out, /geheim-4711/)
    const run = (JSON.parse(out.split('\n')[0] ?? '') as { run: string }).run
    assert.doesNotMatch(readFileSync(join(process.env['XDG_STATE_HOME'] ?? '', 'farm', 'runs', `${run}.ndjson`), 'utf8'), /geheim-4711/)
  })
  test('and no recipe is loaded where none is needed', async () => {
    let loaded = 0
    const seen: FarmExtras[] = []
    await farm(['run', 'provision-cluster'], { describeVars: () => { loaded += 1; return Promise.resolve([]) }, openFarm: (_sources, _extra, extras) => { seen.push(extras); return Promise.resolve({ warnings: [] } as never) } })
    assert.deepEqual([loaded, seen[0]?.variables], [0, []])
  })
})

describe('a JUnit report', () => {
  test('is written when the run fails before it has begun, and without secrets', async () => {
    const report = join(dir, 'report.xml')
    const { code } = await greet(file, '--junit', report, '--how-often', 'always')
    assert.equal(code, 65)
    assert.match(readFileSync(report, 'utf8'), /<error message="[^"]*how_often/)
  })
  test('is written when all is well', async () => {
    const report = join(dir, 'well.xml')
    await greet(file, '--junit', report, '--pin', 'geheim-4711')
    const text = readFileSync(report, 'utf8')
    assert.match(text, /<testcase classname="greet.localhost" name="Greet"/)
    assert.doesNotMatch(text, /geheim/)
  })
  test('that cannot be written stops the run before it begins', async () => {
    const { code, err, out } = await greet(file, '--junit', dir)
    assert.deepEqual([code, out], [64, ''])
    assert.match(err, /cannot be written: it is a directory/)
  })
})
