import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CapacityError } from '../../../src/errors.ts'
import { block, task, type Conclusion } from '../../../src/recipe/index.ts'
import { run, simple, Words } from './rig.ts'

describe('a recipe concludes', () => {
  const value = task<unknown, string>('value', ({ inventoryHost, fail }) => (inventoryHost === 'b' ? fail('b is broken') : `of ${inventoryHost}`))
  test('once, when all hosts have ended, with what came of each', async () => {
    const words = new Words()
    const seen: Conclusion[] = []
    const all = await run(simple([value, words.task('after')], { conclude: (conclusion) => { seen.push(conclusion); words.list.push('concluded') } }), { hosts: ['a', 'b', 'c'] })
    assert.deepEqual([all.code, all.events.at(-1)?.type, words.text], [2, 'run-end', 'after after concluded'])
    const told = seen[0]?.hosts.map(({ name, failed, failure, undone, seconds, resultOf }) => [name, failed, failure?.message, undone, seconds > 0, resultOf(value)?.value])
    assert.deepEqual(told, [['a', false, undefined, [], true, 'of a'], ['b', true, 'b is broken', ['after'], true, undefined], ['c', false, undefined, [], true, 'of c']])
    assert.deepEqual([seen[0]?.check, seen[0]?.halted], [false, false])
  })
  test('once, however many batches its hosts are worked on in', async () => {
    const seen: number[] = []
    await run(simple([], { serial: 1, conclude: ({ hosts }) => void seen.push(hosts.length) }), { hosts: ['a', 'b', 'c'] })
    assert.deepEqual(seen, [3])
  })
  test('also after an interruption, and knows of hosts that were never begun', async () => {
    const stop = new AbortController()
    let seen: unknown
    const long = task<unknown>('long', async ({ host }) => {
      const sleeping = host.$`sleep 600`
      stop.abort()
      await sleeping
    })
    const { code } = await run(simple([long], { serial: 1, conclude: ({ halted, hosts }) => { seen = [halted, hosts.map(({ name, failed, failure, undone, seconds }) => [name, failed, failure?.code, undone, seconds > 0])] } }), { hosts: ['a', 'b'], signal: stop.signal })
    assert.deepEqual([code, seen], [130, [true, [['a', true, 'interrupted', [], true], ['b', false, undefined, ['long'], false]]]])
  })
  test('not when the run is refused', async () => {
    const words = new Words()
    const { code } = await run(simple([words.task('one')], { conclude: () => void words.list.push('concluded'), validate: () => { throw new CapacityError('full', 'no room') } }))
    assert.deepEqual([code, words.text], [69, ''])
  })
  test('with notes and results of its own', async () => {
    const { events } = await run(simple([], { conclude: ({ note, result }) => { note('warning', 'a word'); result(['a line'], { a: 1 }) } }))
    assert.ok(events.some((event) => event.type === 'note' && event.level === 'warning' && event.message === 'a word'))
    assert.ok(events.some((event) => event.type === 'result' && event.lines[0] === 'a line'))
  })
  test('with a failure that stops no host and gives the run its exit code', async () => {
    const words = new Words()
    const { code, events } = await run([simple([words.task('one')], { conclude: ({ fail }) => fail(new CapacityError('full', 'no room for one')) }), simple([words.task('two')])])
    assert.deepEqual([code, words.text], [69, 'one two'])
    assert.ok(events.some((event) => event.type === 'failure' && event.failure.message === 'no room for one'))
  })
  test('and what it throws is a failure of the run', async () => {
    const { code, events } = await run(simple([], { conclude: () => { throw new Error('a defect') } }))
    assert.equal(code, 1)
    assert.ok(events.some((event) => event.type === 'failure' && event.failure.message === 'unexpected error: a defect'))
  })
  test('by a function, and nothing else', () => {
    assert.throws(() => simple([], { conclude: 'later' as never }), /conclude is a function, got "later"/)
  })
})

test('a value may be shared by all hosts and recipes of a run, and is made once', async () => {
  let made = 0
  const seen: unknown[] = []
  const one = task<unknown>('one', ({ shared, inventoryHost }) => { shared('names', () => { made += 1; return new Set<string>() }).add(inventoryHost) })
  const two = task<unknown>('two', { runOnce: true }, ({ shared }) => void seen.push([...shared('names', () => new Set<string>())]))
  await run([simple([one]), simple([two], { conclude: ({ shared }) => void seen.push(shared('names', () => new Set<string>()).size) })], { hosts: ['a', 'b'] })
  assert.deepEqual([made, seen], [1, [['a', 'b'], 2]])
})

test('hosts that are delegated to one hypervisor share what is known of it', async () => {
  const seen = new Set<unknown>()
  let asked = 0
  const one = task<unknown>('one', { delegateTo: 'localhost' }, async ({ hypervisor }) => { asked += 1; seen.add(await hypervisor.facts()) })
  await run(simple([one]), { hosts: ['a', 'b', 'c'] })
  assert.deepEqual([asked, seen.size], [3, 1])
})

describe('what is always done knows', () => {
  const told = (words: Words): ReturnType<typeof task<unknown>> => task<unknown>('ALW', ({ failure }) => void words.list.push(`ALW:${failure?.code ?? 'well'}`))
  test('whether the block before it has failed, also further out', async () => {
    const words = new Words()
    await run(simple([block('o', { tasks: [block('i', { tasks: [words.task('one', { fails: true })], always: [told(words)] })], always: [told(words)] })]))
    assert.equal(words.text, 'one ALW:broken ALW:broken')
  })
  test('nothing of a failure that was made good', async () => {
    const words = new Words()
    await run(simple([block('o', { tasks: [words.task('one', { fails: true })], rescue: [words.task('R')], always: [told(words)] })]))
    assert.equal(words.text, 'one R ALW:well')
  })
  test('of an interruption between two tasks', async () => {
    const words = new Words()
    const stop = new AbortController()
    await run(simple([block('o', { tasks: [task<unknown>('one', () => { setImmediate(() => stop.abort()) }), task<unknown>('two', { when: async () => { await new Promise((resolve) => setImmediate(() => setImmediate(resolve))); return false } }, () => {}), words.task('three')], always: [told(words)] })]), { signal: stop.signal })
    assert.equal(words.text, 'ALW:interrupted')
  })
})
