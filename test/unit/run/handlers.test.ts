import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { block, flushHandlers, handler, task, type Task } from '../../../src/recipe/index.ts'
import { run, simple, Words } from './rig.ts'

const h = (words: Words, name: string, options: Parameters<typeof handler>[1] & { changes?: boolean } = {}): Task => {
  const { changes = false, ...rest } = options
  return handler<unknown>(name, rest as object, async ({ host }) => {
    words.list.push(name)
    if (changes) await host.$`:`
  })
}

test('handlers run once, at the end, in the order in which they are defined', async () => {
  const words = new Words()
  const [h1, h2] = [h(words, 'h1'), h(words, 'h2')]
  await run(simple([words.task('one', { changes: true, notify: [h2, h1] }), words.task('two', { changes: true, notify: h1 }), words.task('three')], { handlers: [h1, h2] }))
  assert.equal(words.text, 'one two three h1 h2')
})

test('what changes nothing notifies nobody', async () => {
  const words = new Words()
  await run(simple([words.task('one', { notify: h(words, 'h1') })]))
  assert.equal(words.text, 'one')
})

test('in check mode a change that would be notifies, and its handler changes nothing', async () => {
  const words = new Words()
  const { code, ends } = await run(simple([words.task('one', { changes: true, notify: h(words, 'h1', { changes: true }) })]), { check: true })
  assert.deepEqual([code, ends], [3, ['a one changed', 'a h1 changed']])
})

test('a handler that nobody knows is an error before anything runs', async () => {
  const words = new Words()
  const what = simple([words.task('one'), block('b', { tasks: [words.task('two', { notify: 'restrat' })] })], { handlers: [h(words, 'restart')] })
  await assert.rejects(run(what), { code: 'unknown-handler', exitCode: 65, hint: 'did you mean restart?' })
  assert.equal(words.text, '')
})

test('handlers do not run on a host that failed, unless they are forced', async () => {
  const make = (words: Words): Parameters<typeof run>[0] => simple([words.task('one', { changes: true, notify: h(words, 'h1') }), words.task('two', { fails: true })])
  const plainly = new Words()
  assert.equal((await run(make(plainly))).code, 2)
  assert.equal(plainly.text, 'one two')
  const forced = new Words()
  assert.equal((await run(make(forced), { forceHandlers: true })).code, 2)
  assert.equal(forced.text, 'one two h1')
})

test('a recipe may force its handlers', async () => {
  const words = new Words()
  await run(simple([words.task('one', { changes: true, notify: h(words, 'h1') }), words.task('two', { fails: true })], { forceHandlers: true }))
  assert.equal(words.text, 'one two h1')
})

test('a flush runs what was notified so far, and a later change notifies again', async () => {
  const words = new Words()
  const h1 = h(words, 'h1')
  await run(simple([words.task('one', { changes: true, notify: h1 }), flushHandlers(), words.task('two', { changes: true, notify: h1 }), words.task('three')]))
  assert.equal(words.text, 'one h1 two three h1')
})

test('several handlers may listen to one topic', async () => {
  const words = new Words()
  await run(simple([words.task('one', { changes: true, notify: 'web changed' })], { handlers: [h(words, 'h1', { listen: ['web changed'] }), h(words, 'h2', { listen: ['other', 'web changed'] }), h(words, 'h3')] }))
  assert.equal(words.text, 'one h1 h2')
})

test('of two handlers of one name the first is meant', async () => {
  const words = new Words()
  const first = handler<unknown>('same', {}, () => void words.list.push('first'))
  const second = handler<unknown>('same', {}, () => void words.list.push('second'))
  await run(simple([words.task('one', { changes: true, notify: 'same' })], { handlers: [first, second] }))
  assert.equal(words.text, 'one first')
})

describe('a handler may notify another', () => {
  test('one that is defined later', async () => {
    const words = new Words()
    await run(simple([words.task('one', { changes: true, notify: 'h1' })], { handlers: [h(words, 'h1', { changes: true, notify: 'h2' }), h(words, 'h2')] }))
    assert.equal(words.text, 'one h1 h2')
  })
  test('one that is defined earlier', async () => {
    const words = new Words()
    await run(simple([words.task('one', { changes: true, notify: 'h2' })], { handlers: [h(words, 'h1'), h(words, 'h2', { changes: true, notify: 'h1' })] }))
    assert.equal(words.text, 'one h2 h1')
  })
  test('in a circle, which is an error and no endless run', async () => {
    const words = new Words()
    const { code, events } = await run(simple([words.task('one', { changes: true, notify: 'h1' })], { handlers: [h(words, 'h1', { changes: true, notify: 'h2' }), h(words, 'h2', { changes: true, notify: 'h1' })] }))
    assert.equal(code, 2)
    assert.ok(events.some((event) => event.type === 'failure' && event.failure.code === 'handler-circle'))
  })
})

test('handlers run whatever tags were asked for', async () => {
  const words = new Words()
  await run(simple([words.task('one', { tags: ['a'], changes: true, notify: h(words, 'h1') }), words.task('two')]), { tags: ['a'] })
  assert.equal(words.text, 'one h1')
})

test('a block\'s notifications are those of its tasks', async () => {
  const words = new Words()
  await run(simple([block('b', { notify: h(words, 'h1'), tasks: [words.task('one', { changes: true })] })]))
  assert.equal(words.text, 'one h1')
})

test('a task may notify by itself, without a change', async () => {
  const words = new Words()
  const h1 = h(words, 'h1')
  await run(simple([task<unknown>('one', ({ notify }) => notify(h1))], { handlers: [h1] }))
  assert.equal(words.text, 'h1')
})
