import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { batchesOf } from '../../../src/run/batches.ts'
import { flushHandlers, handler, include, task, type Serial, type Task } from '../../../src/recipe/index.ts'
import { run, simple, Words } from './rig.ts'

describe('serial cuts hosts into batches', () => {
  const cases: readonly [Serial | undefined, string][] = [[undefined, 'abc'], [1, 'a b c'], [2, 'ab c'], [[1, 2], 'a bc'], ['34%', 'a b c'], ['67%', 'ab c'], ['100%', 'abc'], ['1%', 'a b c'], [[1, '100%'], 'a bc'], [0, 'abc']]
  for (const [serial, expected] of cases) test(JSON.stringify(serial) ?? 'none', () => assert.equal(batchesOf(['a', 'b', 'c'], serial).map((batch) => batch.join('')).join(' '), expected))
  test('what is no number of hosts is refused', () => assert.throws(() => batchesOf(['a'], 'half' as Serial), { exitCode: 65 }))
})

test('a batch has ended before the next begins', async () => {
  const words = new Words()
  const { ends, events } = await run(simple([words.task('one'), words.task('two')], { serial: 1 }), { hosts: ['a', 'b'] })
  assert.deepEqual(ends, ['a one ok', 'a two ok', 'b one ok', 'b two ok'])
  assert.deepEqual(events.flatMap((event) => (event.type === 'stage' ? [event.title] : [])), ['a test, batch 1 of 2', 'a test, batch 2 of 2'])
})

test('a batch that fails as a whole ends the run', async () => {
  const words = new Words()
  const { code, ends } = await run(simple([words.task('one', { fails: true })], { serial: 1 }), { hosts: ['web1', 'web2', 'web3'] })
  assert.deepEqual([code, ends], [2, ['web1 one failed']])
})

/** A task that notes host and name, and on one host waits until another host has noted something. */
function noted(list: string[], name: string, wait?: { readonly host: string; readonly until: Promise<void> }): Task {
  return task<unknown>(name, async ({ inventoryHost }) => {
    if (inventoryHost === wait?.host) await wait.until
    list.push(`${inventoryHost}${name}`)
  })
}

test('hosts are free of each other: a slow one holds up nobody', async () => {
  const list: string[] = []
  let seen = (): void => {}
  const other = new Promise<void>((resolve) => { seen = resolve })
  // Host a can only end its first task once b has done its second.
  await run(simple([noted(list, '1', { host: 'a', until: other }), task<unknown>('2', ({ inventoryHost }) => { list.push(`${inventoryHost}2`); if (inventoryHost === 'b') seen() })]), { hosts: ['a', 'b'] })
  assert.deepEqual(list, ['b1', 'b2', 'a1', 'a2'])
})

test('in lock-step all hosts have ended a task before any begins the next', async () => {
  const list: string[] = []
  let seen = (): void => {}
  const other = new Promise<void>((resolve) => { seen = resolve })
  const first = task<unknown>('1', async ({ inventoryHost }) => {
    if (inventoryHost === 'a') await other
    list.push(`${inventoryHost}1`)
    if (inventoryHost === 'c') seen()
  })
  await run(simple([first, noted(list, '2'), noted(list, '3')], { strategy: 'lock-step' }), { hosts: ['a', 'b', 'c'] })
  assert.deepEqual(list.slice(0, 3).toSorted(), ['a1', 'b1', 'c1'])
  assert.deepEqual(list.slice(3, 6).toSorted(), ['a2', 'b2', 'c2'])
})

test('in lock-step with few forks no more than these work at once, and nobody is stuck', async () => {
  let now = 0
  let most = 0
  const busy = task<unknown>('busy', async () => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    now -= 1
  })
  const { code } = await run(simple([busy, busy, flushHandlers(), busy], { strategy: 'lock-step' }), { hosts: ['a', 'b', 'c', 'd', 'e'], forks: 2 })
  assert.deepEqual([code, most], [0, 2])
})

test('one fork and a thousand come to the same', async () => {
  for (const forks of [1, 1000]) for (const strategy of ['free', 'lock-step'] as const) {
    const words = new Words()
    const { code, ends } = await run(simple([words.task('1', { changes: true, notify: handler<unknown>('h', {}, () => {}) }), words.task('2', { fails: 'c' }), words.task('3', { runOnce: true })], { strategy }), { hosts: ['a', 'b', 'c', 'd'], forks })
    assert.equal(code, 2)
    assert.deepEqual(ends.toSorted(), ['a 1 changed', 'a 2 ok', 'a 3 ok', 'a h ok', 'b 1 changed', 'b 2 ok', 'b h ok', 'c 1 changed', 'c 2 failed', 'd 1 changed', 'd 2 ok', 'd h ok'])
  }
})

test('a throttled task runs on so many hosts at once at most', async () => {
  let now = 0
  let most = 0
  await run(simple([task<unknown>('busy', { throttle: 2 }, async () => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    now -= 1
  })]), { hosts: ['a', 'b', 'c', 'd', 'e'] })
  assert.equal(most, 2)
})

describe('what runs once', () => {
  test('runs on the first host, and all have its result', async () => {
    const list: string[] = []
    const asks = task<unknown, string>('ask', { runOnce: true }, ({ inventoryHost }) => { list.push(`asked ${inventoryHost}`); return 'blue' })
    const uses = task<unknown>('use', ({ inventoryHost, resultOf }) => void list.push(`${inventoryHost} ${resultOf(asks)?.value}`))
    await run(simple([asks, uses]), { hosts: ['a', 'b', 'c'] })
    assert.deepEqual(list.toSorted(), ['a blue', 'asked a', 'b blue', 'c blue'])
  })
  test('runs on the next host when the first has failed before', async () => {
    const words = new Words()
    const { ends } = await run(simple([words.task('1', { fails: 'a' }), words.task('2', { runOnce: true })]), { hosts: ['a', 'b', 'c'] })
    assert.deepEqual(ends.filter((end) => end.includes(' 2 ')), ['b 2 ok'])
  })
  test('fails for all when it fails', async () => {
    const words = new Words()
    const { code, ends } = await run(simple([words.task('1', { runOnce: true, fails: true }), words.task('2')]), { hosts: ['a', 'b'] })
    assert.deepEqual([code, ends], [2, ['a 1 failed']])
  })
  test('runs once in each batch', async () => {
    const words = new Words()
    const { ends } = await run(simple([words.task('1', { runOnce: true })], { serial: 2 }), { hosts: ['a', 'b', 'c'] })
    assert.deepEqual(ends, ['a 1 ok', 'c 1 ok'])
  })
})

describe('in lock-step, what runs once does not wait for a host that never comes there', () => {
  for (const strategy of ['free', 'lock-step'] as const) {
    test(`an include that leaves the first host out (${strategy})`, async () => {
      const words = new Words()
      const { ends } = await run(simple([include('more', () => [words.task('once', { runOnce: true })], { when: ({ inventoryHost }) => inventoryHost !== 'a' }), words.task('after')], { strategy }), { hosts: ['a', 'b', 'c'] })
      assert.deepEqual(ends.filter((end) => end.includes('once')), ['b once ok'])
    })
    test(`a handler that only the second host has been notified of (${strategy})`, async () => {
      const words = new Words()
      const h = handler<unknown>('h', { runOnce: true }, () => {})
      const { ends } = await run(simple([task<unknown>('one', { notify: h }, async ({ host, inventoryHost }) => { if (inventoryHost === 'b') await host.$`:` }), flushHandlers(), words.task('after')], { strategy }), { hosts: ['a', 'b'] })
      assert.deepEqual(ends.filter((end) => end.includes(' h ')), ['b h ok'])
    })
  }
})

test('a task that waited for its turn does not begin once the run has to stop', async () => {
  const words = new Words()
  await run(simple([words.task('one', { throttle: 1, fails: true })], { anyErrorsFatal: true }), { hosts: ['a', 'b', 'c'] })
  assert.equal(words.text, 'one')
})

test('a wrong serial is an error before the first recipe runs', async () => {
  const words = new Words()
  await assert.rejects(run([simple([words.task('one')]), simple([words.task('two')], { serial: 1.5 })]), { code: 'serial', exitCode: 65 })
  assert.equal(words.text, '')
})

test('hosts stand in the order of the inventory at the end, whoever was first', async () => {
  const { events } = await run(simple([task<unknown>('one', ({ inventoryHost }) => new Promise((resolve) => void (inventoryHost === 'b' ? setImmediate(() => setImmediate(resolve)) : resolve())))]), { hosts: ['b', 'a'] })
  const end = events.at(-1)
  assert.deepEqual(end?.type === 'run-end' && Object.keys(end.recap), ['b', 'a'])
})
