import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { CapacityError, InputError, TaskError } from '../../../src/errors.ts'
import type { Recipe, Task } from '../../../src/recipe/index.ts'
import { recipe, task } from '../../../src/recipe/index.ts'
import { dir, run } from './rig.ts'

interface Vars {
  readonly word: string
}
const vars = z.object({ word: z.string().default('hello'), count: z.number().int().optional() })

/** A recipe that takes the lock of its host. */
const simple = (tasks: Task<Vars>[], validate?: (vars: Vars, host: string) => void, lock = true): Recipe =>
  recipe({ description: 'a test', hosts: 'all', lock, vars, tasks, ...(validate && { validate }) }) as unknown as Recipe

const write = (name: string): Task<Vars> => task<Vars>(`write ${name}`, async ({ host, vars: { word } }) => void (await host.ensureFile(join(dir, name), `${word}\n`)))

test('the first run changes, the second does not, and both are done', async () => {
  const what = simple([write('one')])
  const first = await run(what)
  const second = await run(what)
  assert.deepEqual([first.code, first.ends], [0, ['a write one changed']])
  assert.deepEqual([second.code, second.ends], [0, ['a write one ok']])
  assert.equal(second.events.some((event) => event.type === 'change'), false)
})

test('a check shows the difference, changes nothing, and ends with 3; without a difference with 0', async () => {
  const what = simple([write('one')])
  const { code, events } = await run(what, { check: true, extra: ['word=other'] })
  const change = events.find((event) => event.type === 'change')
  assert.equal(code, 3)
  assert.ok(change?.type === 'change' && !change.applied)
  assert.deepEqual([change.change.diff?.before, change.change.diff?.after], ['hello\n', 'other\n'])
  assert.equal(await readFile(join(dir, 'one'), 'utf8'), 'hello\n')
  assert.equal((await run(what, { check: true })).code, 0)
})

test('a failure ends its host\'s run and no other\'s', async () => {
  const fails = task<Vars>('fail on a', async ({ host }) => {
    if (host.name === 'a') throw new TaskError('broken', 'it broke', { hint: 'mend it' })
  })
  const { code, events, ends } = await run(simple([fails, write('two')], undefined, false), { hosts: ['a', 'b'], forks: 1 })
  assert.equal(code, 2)
  assert.deepEqual(ends, ['a fail on a failed', 'b fail on a ok', 'b write two changed'])
  const failed = events.find((event) => event.type === 'task-end' && event.outcome === 'failed')
  assert.ok(failed?.type === 'task-end')
  assert.deepEqual({ ...failed.failure, details: undefined, location: undefined }, { code: 'broken', message: 'it broke', hint: 'mend it', host: 'a', step: 'fail on a', details: undefined, location: undefined })
})

test('failures that agree give their own exit code, others 2', async () => {
  const fail = (onA: Error, onB: Error): Recipe => simple([task<Vars>('fail', ({ host }) => Promise.reject(host.name === 'a' ? onA : onB))], undefined, false)
  const full = new CapacityError('no-memory', 'full')
  assert.equal((await run(fail(full, full), { hosts: ['a', 'b'] })).code, 69)
  assert.equal((await run(fail(full, new InputError('bad', 'bad')), { hosts: ['a', 'b'] })).code, 2)
  assert.equal((await run(fail(new TypeError('oops'), full), { hosts: ['a'] })).code, 1)
})

test('bad variables of one host stop the run before any host is touched', async () => {
  const { code, events, ends } = await run(simple([write('three')]), { hosts: ['a', 'b'], extra: ['count=many'] })
  assert.equal(code, 65)
  assert.deepEqual(ends, [])
  assert.equal(events.filter((event) => event.type === 'failure').length, 2)
})

test('a recipe\'s own check runs for all hosts before any is touched, and its problem is shown where the variable was set', async () => {
  const what = simple([write('four')], ({ word }, host) => {
    if (host === 'b') throw new InputError('bad-word', `word: ${word} will not do`)
  })
  const { code, events, ends } = await run(what, { hosts: ['a', 'b'], extra: ['word=no'] })
  assert.equal(code, 65)
  assert.deepEqual(ends, [])
  const failure = events.find((event) => event.type === 'failure')
  assert.ok(failure?.type === 'failure')
  assert.match(failure.failure.location?.file ?? '', /extra-vars/)
})

test('a skipped task says why and the run goes on', async () => {
  const { code, events, ends } = await run(simple([task<Vars>('skip', async ({ skip }) => skip('not today')), write('five')]))
  assert.equal(code, 0)
  assert.deepEqual(ends, ['a skip skipped', 'a write five changed'])
  assert.ok(events.some((event) => event.type === 'task-end' && event.message === 'not today'))
})

test('an interruption ends the command that runs, skips the rest, and exits with 130', async () => {
  const stop = new AbortController()
  const long = task<Vars>('sleep', async ({ host }) => {
    const sleeping = host.$`sleep 600`
    stop.abort()
    await sleeping
  })
  const started = performance.now()
  const { code, ends } = await run(simple([long, write('six')]), { signal: stop.signal })
  assert.equal(code, 130)
  assert.deepEqual(ends, ['a sleep failed'])
  assert.ok(performance.now() - started < 60_000)
})

test('an extra variable that looks mistyped is pointed out', async () => {
  const { events } = await run(simple([]), { extra: ['wrod=x'], check: true })
  assert.ok(events.some((event) => event.type === 'note' && event.level === 'warning' && /wrod is not a variable of test; did you mean word\?/.test(event.message)))
})

test('a host that cannot be reached is unreachable, with exit code 4', async () => {
  const { code, ends } = await run(simple([write('seven')]), { extra: ['ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1'] })
  assert.equal(code, 4)
  assert.deepEqual(ends, ['a write seven unreachable'])
})

test('a second farm on a host is refused, and told who holds it', async () => {
  const inner: { code?: number; message?: string } = {}
  const holds = task<Vars>('hold', async () => {
    const { code, events } = await run(simple([write('eight')]))
    const end = events.find((event) => event.type === 'task-end')
    Object.assign(inner, { code, message: end?.type === 'task-end' ? end.message : '' })
  })
  assert.equal((await run(simple([holds]))).code, 0)
  assert.equal(inner.code, 75)
  assert.match(inner.message ?? '', /another farm is at work on a: .*pid \d+.*farm run test/)
})

// In this file, whose tests take the machine's real lock: other files run beside it.
test('several names of one machine share its lock within a run', async () => {
  const { code, ends } = await run(simple([write('nine')]), { hosts: ['a', 'b', 'c'] })
  assert.deepEqual([code, ends.length], [0, 3])
})
