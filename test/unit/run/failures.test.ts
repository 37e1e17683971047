import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { block, task } from '../../../src/recipe/index.ts'
import { run, simple, Words } from './rig.ts'

test('a failure ends its host\'s run and no other\'s', async () => {
  const words = new Words()
  const { code, ends } = await run(simple([words.task('one', { fails: 'b' }), words.task('two')]), { hosts: ['a', 'b', 'c'], forks: 1 })
  assert.equal(code, 2)
  assert.deepEqual(ends, ['a one ok', 'a two ok', 'b one failed', 'c one ok', 'c two ok'])
})

test('when all hosts of a recipe have failed the next one does not begin', async () => {
  const words = new Words()
  const { code } = await run([simple([words.task('one', { fails: true })]), simple([words.task('two')])], { hosts: ['a', 'b'] })
  assert.deepEqual([code, words.text], [2, 'one one'])
})

test('a host that failed in one recipe takes no part in the next', async () => {
  const words = new Words()
  const { code, ends } = await run([simple([words.task('one', { fails: 'a' })]), simple([words.task('two')])], { hosts: ['a', 'b'] })
  assert.deepEqual([code, ends.at(-1)], [2, 'b two ok'])
  assert.equal(ends.length, 3)
})

test('an ignored failure is shown, counted as ignored, and the run is a success', async () => {
  const words = new Words()
  const { code, ends, recap } = await run(simple([words.task('one', { fails: true, ignoreErrors: true }), words.task('two')]))
  assert.deepEqual([code, ends], [0, ['a one ignored', 'a two ok']])
  assert.deepEqual([recap['a']?.ignored, recap['a']?.failed], [1, 0])
})

test('an error may be fatal for all: no host begins another task, and what was not done is told', async () => {
  const words = new Words()
  const { code, events } = await run(simple([words.task('one', { fails: 'a' }), words.task('two'), words.task('three')], { anyErrorsFatal: true, strategy: 'lock-step' }), { hosts: ['a', 'b'] })
  assert.deepEqual([code, words.text], [2, 'one one'])
  const end = events.at(-1)
  assert.deepEqual(end?.type === 'run-end' && end.undone, { a: ['two', 'three'], b: ['two', 'three'] })
})

test('more failed hosts than are allowed end the run after their batch', async () => {
  const words = new Words()
  const { code, ends } = await run(simple([words.task('one', { fails: 'a' }), words.task('two')], { serial: 2, maxFailPercentage: 49, strategy: 'lock-step' }), { hosts: ['a', 'b', 'c', 'd'] })
  assert.equal(code, 2)
  assert.deepEqual(ends.toSorted(), ['a one failed', 'b one ok'])
})

test('as many failed hosts as are allowed do not', async () => {
  const words = new Words()
  const { code, ends } = await run(simple([words.task('one', { fails: 'a' })], { serial: 2, maxFailPercentage: 50 }), { hosts: ['a', 'b', 'c', 'd'] })
  assert.deepEqual([code, ends.length], [2, 4])
})

describe('a host that cannot be reached', () => {
  const inventory = 'web1\nweb2 ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\nweb3\n'
  test('is unreachable, the others go on, and the exit code is 4', async () => {
    const words = new Words()
    const { code, ends } = await run(simple([words.task('one'), words.task('two')]), { hosts: inventory, forks: 1 })
    assert.deepEqual([code, ends], [4, ['web1 one ok', 'web1 two ok', 'web2 one unreachable', 'web3 one ok', 'web3 two ok']])
  })
  test('may be ignored', async () => {
    const words = new Words()
    const { code, ends } = await run(simple([words.task('one', { ignoreUnreachable: true }), words.task('two', { delegateTo: 'web1' })]), { hosts: inventory, limit: 'web2' })
    assert.deepEqual([code, ends], [0, ['web2 one ignored', 'web2 two ok']])
  })
  test('is not rescued, since nothing can be done there', async () => {
    const words = new Words()
    const { code } = await run(simple([block('b', { tasks: [words.task('one')], rescue: [words.task('R')], always: [words.task('ALW')] })]), { hosts: inventory, limit: 'web2' })
    assert.deepEqual([code, words.text], [4, ''])
  })
})

describe('a block', () => {
  test('is rescued: the run goes on, the failure counts as rescued, and what is always done is done', async () => {
    const words = new Words()
    const { code, recap, ends } = await run(simple([block('b', { tasks: [words.task('one', { fails: true }), words.task('no')], rescue: [words.task('R')], always: [words.task('ALW')] }), words.task('AFTER')]))
    assert.deepEqual([code, words.text], [0, 'one R ALW AFTER'])
    assert.equal(ends[0], 'a one rescued')
    assert.deepEqual([recap['a']?.rescued, recap['a']?.failed], [1, 0])
  })
  test('whose rescue fails, fails, after what is always done', async () => {
    const words = new Words()
    const { code } = await run(simple([block('b', { tasks: [words.task('one', { fails: true })], rescue: [words.task('R', { fails: true })], always: [words.task('ALW')] }), words.task('AFTER')]))
    assert.deepEqual([code, words.text], [2, 'one R ALW'])
  })
  test('without a rescue does what is always done, and fails', async () => {
    const words = new Words()
    const { code } = await run(simple([block('b', { tasks: [words.task('one', { fails: true })], always: [words.task('ALW')] }), words.task('AFTER')]))
    assert.deepEqual([code, words.text], [2, 'one ALW'])
  })
  test('within another is rescued by the inner one alone', async () => {
    const words = new Words()
    const inner = block('inner', { tasks: [words.task('one', { fails: true })], rescue: [words.task('r')] })
    await run(simple([block('outer', { tasks: [inner, words.task('two')], rescue: [words.task('R')] })]))
    assert.equal(words.text, 'one r two')
  })
  test('tells its rescue what went wrong', async () => {
    const words = new Words()
    const asks = task<unknown>('R', ({ failure }) => void words.list.push(`${failure?.step}: ${failure?.message}`))
    await run(simple([block('b', { tasks: [words.task('one', { fails: true })], rescue: [asks] })]))
    assert.equal(words.text, 'one one: one is broken')
  })
  test('gives its condition to all that is in it', async () => {
    const words = new Words()
    const { ends } = await run(simple([block('b', { when: () => false, tasks: [words.task('one')], always: [words.task('two')] })]))
    assert.deepEqual([words.text, ends], ['', ['a one skipped', 'a two skipped']])
  })
  test('does what is always done on the other hosts too when one host\'s error ends the run', async () => {
    const words = new Words()
    await run(simple([block('b', { tasks: [words.task('one', { fails: 'a' }), words.task('two')], always: [words.task('ALW')] })], { anyErrorsFatal: true, strategy: 'lock-step' }), { hosts: ['a', 'b'] })
    assert.deepEqual(words.list.toSorted(), ['ALW', 'ALW', 'one', 'one'])
  })
})

describe('an interruption', () => {
  test('ends the command that runs, does what is always done, rescues nothing, and tells what was left undone', async () => {
    const words = new Words()
    const stop = new AbortController()
    const long = task<unknown>('long', async ({ host }) => {
      const sleeping = host.$`sleep 600`
      stop.abort()
      await sleeping
    })
    const last = task<unknown>('ALW', async ({ host }) => void words.list.push((await host.query`echo done`).stdout.trim()))
    const { code, events, ends } = await run(simple([block('b', { tasks: [long, words.task('no')], rescue: [words.task('R')], always: [last] }), words.task('AFTER')]), { signal: stop.signal })
    assert.deepEqual([code, words.text, ends], [130, 'done', ['a long failed', 'a ALW ok']])
    const end = events.at(-1)
    assert.deepEqual(end?.type === 'run-end' && end.undone, { a: ['no', 'AFTER'] })
  })
  test('does not leave hosts waiting for each other', async () => {
    const words = new Words()
    const stop = new AbortController()
    const long = task<unknown>('long', { when: ({ inventoryHost }) => inventoryHost === 'a' }, async ({ host }) => {
      const sleeping = host.$`sleep 600`
      stop.abort()
      await sleeping
    })
    const { code } = await run(simple([long, words.task('no')], { strategy: 'lock-step' }), { hosts: ['a', 'b'], signal: stop.signal })
    assert.deepEqual([code, words.text], [130, ''])
  })
})
