import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Engine, RunRequest } from '../../../src/cli/engine.ts'
import { layers } from '../../../src/cli/engine.ts'
import type { EventBody } from '../../../src/events.ts'
import { farm } from './rig.ts'

/** An engine that tells of a run as it is told. */
function telling(...events: readonly EventBody[]): Pick<Engine, 'run'> {
  return {
    run: (_farm, { sink }) => {
      for (const event of events) sink({ time: 0, ...event })
      return Promise.resolve(0)
    },
  }
}

const task = 'command'
const start: EventBody = { type: 'run-start', version: 1, run: 'x', recipe: 'exec', hosts: ['a', 'b', 'c'], tasks: [task], check: false }
const end: EventBody = { type: 'run-end', recap: {}, exitCode: 2, seconds: 1, undone: { d: [task] } }
const says = (host: string, line: string, stream: 'stdout' | 'stderr' = 'stdout'): EventBody => ({ type: 'output', host, task, stream, line })
const done = (host: string): EventBody => ({ type: 'task-end', host, task, outcome: 'changed', seconds: 0.1 })
const failed = (host: string, message: string): EventBody => ({ type: 'task-end', host, task, outcome: 'failed', seconds: 0.1, message, failure: { code: 'failed', message } })
const unreachable = (host: string): EventBody => ({ type: 'task-end', host, task, outcome: 'unreachable', seconds: 1, failure: { code: 'u', message: `cannot connect to ${host}`, hint: 'is it on?' } })

/** Real layers but for hosts, which are this computer under other names. */
function here(argv: readonly string[]): ReturnType<typeof farm> {
  return farm(['exec', '-i', 'a,b,', '-c', 'local', ...argv], layers)
}

describe('farm exec', () => {
  test('runs what stands behind the dashes on the hosts that the pattern selects', async () => {
    let seen: RunRequest | undefined
    const { code } = await farm(['exec', 'web', '-l', 'x', '-f', '7', '--', 'ls', '-l'], { run: (_farm, request) => { seen = request; return Promise.resolve(4) } })
    assert.equal(code, 4)
    const [recipe] = seen?.recipe.recipes ?? []
    assert.deepEqual([recipe?.hosts, recipe?.lock, recipe?.become, seen?.limit, seen?.forks], ['web', false, undefined, 'x', 7])
  })

  test('output goes where the command wrote it, with its host in front; the summary to standard error', async () => {
    const { out, err } = await farm(['exec', 'all', '--', 'x'], telling(start, says('a', 'one'), says('b', 'two\u001b[2J'), says('a', 'oops', 'stderr'), done('a'), failed('b', 'exit code 3'), failed('e', 'exit code 3'), unreachable('c'), end))
    assert.equal(out, '[a] one\n[b] two\n')
    assert.equal(err, `[a] oops
[b] exit code 3
[e] exit code 3
farm: cannot connect to c
  host c
  hint: is it on?
ok 1  failed 2  unreachable 1  not begun 1  (1.0 s)
  exit code 3: b, e
  unreachable: c
  not begun: d
`)
  })

  test('--group shows once what hosts have in common', async () => {
    const { out } = await farm(['exec', 'all', '--group', '--', 'x'], telling(start, says('a', '6.1'), says('b', '6.12'), says('c', '6.1'), done('a'), done('b'), failed('c', 'exit code 1'), says('d', '6.1'), done('d'), end))
    assert.equal(out, '── a, d (2 hosts)\n6.1\n── b\n6.12\n── c: exit code 1\n6.1\n')
  })

  for (const [argv, hint] of [[[], 'usage: farm exec PATTERN'], [['web'], 'farm exec web -- uptime'], [['web', '--'], 'farm exec web -- uptime'], [['web', 'uptime'], 'farm exec web -- uptime']] as const) {
    test(`farm exec ${argv.join(' ')} is answered with what to type`, async () => {
      const { code, err } = await farm(['exec', ...argv], { run: () => { throw new Error('must not run') } })
      assert.equal(code, 64)
      assert.ok(err.includes(hint), err)
    })
  }

  test('one word is a line for the shell; of several each arrives as it was typed', async () => {
    const line = await here(['a', '--', "printf '%s\\n' one two | tr a-z A-Z"])
    assert.deepEqual([line.code, line.out], [0, '[a] ONE\n[a] TWO\n'])
    const words = await here(['a', '--', 'printf', '%s\\n', "it's  $HOME", '*'])
    assert.deepEqual([words.code, words.out], [0, "[a] it's  $HOME\n[a] *\n"])
  })

  test('says that no host matches, and does not call the command a recipe', async () => {
    assert.match((await here(['a:!a', '--', 'true'])).err, /warning: "the command" is left out: no host matches "a:!a"/)
  })

  test('ends with 2 when the command fails on a host, and says its exit code', async () => {
    const { code, err } = await here(['all', '--', 'exit 7'])
    assert.equal(code, 2)
    assert.match(err, /\[a\] exit code 7\n/)
    assert.match(err, /failed 2 {2}\(.*\)\n {2}exit code 7: (a, b|b, a)\n$/)
  })

  test('gives the command no input, and ends it after --command-timeout', async () => {
    assert.equal((await here(['a', '--', 'cat; echo over'])).out, '[a] over\n')
    const { code, err } = await here(['a', '--command-timeout', '1', '--', 'exec sleep 60'])
    assert.equal(code, 2)
    assert.match(err, /\[a\] not done after 1 s\n/)
  })

  test('--check runs nothing', async () => {
    const { code, out } = await here(['a', '--check', '--', 'echo ran'])
    assert.deepEqual([code, out], [3, '[a] would run: echo ran\n'])
  })

  test('--json prints events', async () => {
    const { out } = await here(['a', '--json', '--', 'echo x'])
    const types = out.trimEnd().split('\n').map((text) => (JSON.parse(text) as { type: string }).type)
    assert.deepEqual([types[0], types.at(-1), types.includes('output')], ['run-start', 'run-end', true])
  })
})
