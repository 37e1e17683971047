import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMAND_NAMES } from '../../../src/cli/commands.ts'
import { CapacityError, InterruptedError, TaskError, TemporaryError, UnreachableError, UsageError } from '../../../src/errors.ts'
import { badInput, farm } from './rig.ts'

describe('the command line', () => {
  test('without a command shows what there is, as a usage error', async () => {
    const { code, out } = await farm([])
    assert.equal(code, 64)
    for (const name of COMMAND_NAMES) assert.match(out, new RegExp(`^  ${name} `, 'm'))
  })

  test('a misspelt command is answered with the one that was meant', async () => {
    const { code, err, out } = await farm(['statsu'])
    assert.deepEqual({ code, out }, { code: 64, out: '' })
    assert.equal(err, 'farm: there is no command "statsu"\n  hint: did you mean `farm status`?\n')
  })

  test('a recipe in the place of a command is answered with `farm run`', async () => {
    assert.match((await farm(['provision-cluster'])).err, /did you mean `farm run provision-cluster`\?/)
  })

  test('a name of JavaScript\'s own is no command', async () => {
    assert.equal((await farm(['constructor'])).code, 64)
  })

  test('a misspelt option is refused before anything is done', async () => {
    const { code, err } = await farm(['run', 'provision-cluster', '--chekc'], { run: () => { throw new Error('must not run') } })
    assert.equal(code, 64)
    assert.match(err, /did you mean --check\?/)
  })

  test('a missing or superfluous word is answered with the usage', async () => {
    assert.match((await farm(['run'])).err, /^farm: farm run needs RECIPE\n {2}hint: usage: farm run RECIPE/)
    assert.match((await farm(['status', 'now'])).err, /does not know what to do with "now"/)
    assert.equal((await farm(['ssh', ''])).code, 64)
  })

  for (const name of COMMAND_NAMES) {
    test(`farm ${name} --help, farm help ${name} and farm --help ${name} say the same`, async () => {
      const pages = await Promise.all([farm([name, '--help']), farm(['help', name]), farm(['--help', name])])
      assert.deepEqual(pages.map(({ code }) => code), [0, 0, 0])
      assert.match(pages[0].out, new RegExp(`farm ${name}`))
      if (name === 'help') return
      assert.equal(pages[1].out, pages[0].out)
      assert.equal(pages[2].out, pages[0].out)
    })
  }

  test('no line of help is wider than 80 columns', async () => {
    for (const name of COMMAND_NAMES) for (const line of (await farm(['help', name])).out.split('\n')) assert.ok(line.length <= 80, line)
  })
})

describe('exit codes', () => {
  const thrown: readonly (readonly [error: Error, code: number])[] = [
    [new UsageError('x', 'm'), 64],
    [badInput(), 65],
    [new UnreachableError('x', 'm'), 4],
    [new CapacityError('x', 'm'), 69],
    [new TemporaryError('x', 'm'), 75],
    [new TaskError('x', 'm'), 2],
    [new InterruptedError(), 130],
    [new TypeError('m'), 1],
  ]
  for (const [error, code] of thrown) {
    test(`${error.name} ends with ${code}`, async () => { assert.equal((await farm(['list'], { listRecipes: () => Promise.reject(error) })).code, code) })
  }

  for (const code of [0, 2, 3, 4]) test(`a run's own ${code} is passed on`, async () => { assert.equal((await farm(['run', 'provision-cluster'], { run: () => Promise.resolve(code) })).code, code) })

  test('whatever breaks because of Ctrl-C ends with 130', async () => {
    const { code } = await farm(['list'], { listRecipes: () => Promise.reject(new Error('socket closed')) }, { signal: AbortSignal.abort() })
    assert.equal(code, 130)
  })
})

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
  test(`a run that ${signal} broke off ends with ${code}, whatever it threw`, async () => {
    const interruption = AbortSignal.abort(new InterruptedError('ended', { signal }))
    for (const error of [new Error('socket closed'), new InterruptedError('interrupted: sleep 60')]) {
      assert.equal((await farm(['list'], { listRecipes: () => Promise.reject(error) }, { signal: interruption })).code, code)
    }
  })
}

describe('errors for people', () => {
  test('an expected error has no stack, whatever is asked for', async () => {
    const { err } = await farm(['list', '-vv'], { listRecipes: () => Promise.reject(badInput()) }, { env: { FARM_DEBUG: '1' } })
    assert.equal(err, 'farm: vm_mem must be a whole number, got "lots"\n  host anemoi\n  hint: write vm_mem: 1024\n')
  })

  const defect = { listRecipes: () => Promise.reject(new TypeError('x is not a function')) }

  test('an unexpected error is short, and says how to see more', async () => {
    const { err } = await farm(['list'], defect)
    assert.match(err, /^farm: unexpected error: x is not a function\n {2}at (?:dist\/)?test\/unit\/cli\/main\.test\.\S+:\d+:\d+\n[^]* {2}hint: this is a defect of farm or of a recipe; FARM_DEBUG=1 shows the stack\n$/)
    assert.doesNotMatch(err, /\n {6}at /)
  })

  for (const [title, argv, env] of [['FARM_DEBUG=1', ['list'], { FARM_DEBUG: '1' }], ['-vv', ['list', '-vv'], {}]] as const) {
    test(`${title} shows the stack of an unexpected error`, async () => { assert.match((await farm(argv, defect, { env })).err, /TypeError: x is not a function\n {6}at /) })
  }
})
