import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { TaskError } from '../../../src/errors.ts'
import { block, handler, include, loop, recipe, task, type TaskOptions, type TaskResult } from '../../../src/recipe/index.ts'
import { dir, run, simple, Words } from './rig.ts'

describe('a condition', () => {
  const conditions = (when: TaskOptions<unknown>['when']): ReturnType<typeof run> => run(simple([task<unknown>('one', { ...(when && { when }) }, () => {})]))
  test('that does not hold skips the task, which has no result but that', async () => {
    let result: TaskResult | undefined
    const one = task<unknown, string>('one', { when: () => false }, () => 'value')
    const { ends } = await run(simple([one, task<unknown>('two', ({ resultOf }) => { result = resultOf(one) })]))
    assert.deepEqual(ends, ['a one skipped', 'a two ok'])
    assert.deepEqual([result?.skipped, result?.failed, result?.value], [true, false, undefined])
  })
  test('that is text is an error and never true', async () => {
    const { code, events } = await conditions((() => 'false') as unknown as () => boolean)
    assert.equal(code, 65)
    assert.ok(events.some((event) => event.type === 'task-end' && /not a boolean: "false"/.test(event.message ?? '')))
  })
  test('may be several, all of which have to hold', async () => assert.deepEqual((await conditions([() => true, () => 1 + 1 === 3])).ends, ['a one skipped']))
  test('with a name that is not defined fails the host', async () => {
    const { code, ends } = await conditions(({ variables }) => variables.get('nope') === 1)
    assert.deepEqual([code, ends], [2, ['a one failed']])
  })
  test('may look at the host', async () => {
    const { ends } = await conditions(async ({ host }) => (await host.query`echo yes`).stdout.trim() === 'yes')
    assert.deepEqual(ends, ['a one ok'])
  })
})

describe('a loop', () => {
  const list: string[] = []
  const over = (items: unknown, when?: (item: string) => boolean): ReturnType<typeof run> => {
    list.length = 0
    return run(simple([loop<unknown, string, void>('each', { items: () => items as string[], ...(when && { when }) }, (_context, item, index) => void list.push(`${index}${item}`))]))
  }
  test('does its work for each item, which it knows with its number', async () => { await over(['x', 'y']); assert.deepEqual(list, ['0x', '1y']) })
  test('over nothing is skipped', async () => assert.deepEqual((await over([])).ends, ['a each skipped']))
  test('over text is an error', async () => {
    const { code, events } = await over('xyz')
    assert.equal(code, 65)
    assert.ok(events.some((event) => event.type === 'task-end' && /needs a list to loop over, got the text "xyz"/.test(event.message ?? '')))
  })
  test('leaves out the items that do not meet the condition', async () => { await over(['x', 'y'], (item) => item === 'y'); assert.deepEqual(list, ['1y']) })
  test('is skipped when no item meets it', async () => assert.deepEqual((await over(['x'], () => false)).ends, ['a each skipped']))
  test('has the list of what came of each as its value, and has changed something when any has', async () => {
    let result: TaskResult | undefined
    const each = loop<unknown, string, string>('each', { items: () => ['x', 'y'] }, async ({ host }, item) => {
      if (item === 'y') await host.$`:`
      return item.toUpperCase()
    })
    const { ends } = await run(simple([each, task<unknown>('two', ({ resultOf }) => { result = resultOf(each) })]))
    assert.deepEqual(ends[0], 'a each changed')
    assert.deepEqual([result?.changed, result?.value], [true, ['X', 'Y']])
  })
})

describe('a task is tried again', () => {
  test('until what it waits for has come about', async () => {
    let tries = 0
    let attempts = 0
    const one = task<unknown, number>('one', { retries: 5, delay: 0, until: ({ value }) => value === 3 }, () => ++tries)
    const { ends, events } = await run(simple([one, task<unknown>('two', ({ resultOf }) => { attempts = resultOf(one)?.attempts ?? 0 })]))
    assert.deepEqual([ends[0], attempts], ['a one ok', 3])
    assert.deepEqual(events.flatMap((event) => (event.type === 'retry' ? [`${event.attempt} of ${event.attempts}`] : [])), ['1 of 6', '2 of 6'])
  })
  test('and fails when it never does, with the number of attempts', async () => {
    const { code, events } = await run(simple([task<unknown, number>('one', { retries: 2, delay: 0, until: () => false }, () => 1)]))
    assert.equal(code, 2)
    assert.ok(events.some((event) => event.type === 'task-end' && event.attempts === 3 && event.outcome === 'failed'))
  })
  test('after a failure, as often as is said', async () => {
    let tries = 0
    const { ends } = await run(simple([task<unknown>('one', { retries: 2, delay: 0 }, () => {
      if (++tries < 3) throw new TaskError('not-yet', 'not yet')
    })]))
    assert.deepEqual([ends, tries], [['a one ok'], 3])
  })
  test('and not after an interruption', async () => {
    const stop = new AbortController()
    let tries = 0
    const { code } = await run(simple([task<unknown>('one', { retries: 9, delay: 1000 }, () => {
      tries += 1
      setImmediate(() => stop.abort())
      throw new TaskError('not-yet', 'not yet')
    })]), { signal: stop.signal })
    assert.deepEqual([code, tries], [130, 1])
  })
})

test('a task that takes too long fails, and its command is ended', async () => {
  const { code, events } = await run(simple([task<unknown>('one', { timeout: 0.05 }, async ({ host }) => void (await host.$`sleep 600`))]))
  assert.equal(code, 2)
  assert.ok(events.some((event) => event.type === 'task-end' && /was not done after 0\.05 s/.test(event.message ?? '')))
})

describe('a delegated task', () => {
  const inventory = 'web ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1 role=frontend\nlb role=balancer\n'
  test('works on the other host, with the variables of its own', async () => {
    let seen = ''
    const one = task<unknown>('one', { delegateTo: 'lb' }, ({ host, inventoryHost, variables }) => { seen = `${host.name} ${inventoryHost} ${String(variables.get('role'))} ${String(variables.of(host.name).get('role'))}` })
    const { code, events } = await run(simple([one]), { hosts: inventory, limit: 'web' })
    assert.deepEqual([code, seen], [0, 'lb web frontend balancer'])
    assert.ok(events.some((event) => event.type === 'task-start' && event.host === 'web' && event.delegate === 'lb'))
  })
  test('may choose the host by a function, and localhost always is one', async () => {
    let seen = ''
    await run(simple([task<unknown>('one', { delegateTo: () => 'localhost' }, async ({ host }) => { seen = `${host.name} ${(await host.query`echo here`).stdout.trim()}` })]), { hosts: inventory, limit: 'web' })
    assert.equal(seen, 'localhost here')
  })
  test('sets variables of its own host', async () => {
    let seen: unknown
    await run(simple([task<unknown>('one', { delegateTo: 'lb' }, ({ setVariables }) => setVariables({ found: 'here' })), task<unknown>('two', { delegateTo: 'lb' }, ({ variables }) => { seen = [variables.get('found'), variables.of('lb').has('found')] })]), { hosts: inventory, limit: 'web' })
    assert.deepEqual(seen, ['here', false])
  })
  test('to a host that is not there is an error', async () => {
    const { code, events } = await run(simple([task<unknown>('one', { delegateTo: 'nowhere' }, () => {})]), { hosts: inventory, limit: 'lb' })
    assert.equal(code, 65)
    assert.ok(events.some((event) => event.type === 'task-end' && /no host is called nowhere/.test(event.message ?? '')))
  })
})

describe('in check mode', () => {
  test('a command is not run, one that only reads and says so is', async () => {
    const file = join(dir, 'real')
    const { code, ends } = await run(simple([task<unknown>('one', async ({ host }) => void (await host.$`touch ${join(dir, 'unreal')}`)), task<unknown>('two', { check: false }, async ({ host }) => void (await host.$`touch ${file}`))]), { check: true })
    assert.deepEqual([code, ends], [3, ['a one changed', 'a two changed']])
    assert.equal(await readFile(file, 'utf8'), '')
    await assert.rejects(readFile(join(dir, 'unreal')))
  })
  test('a file\'s difference is told and not made', async () => {
    const { events } = await run(simple([task<unknown>('one', async ({ host }) => void (await host.ensureFile(join(dir, 'motd'), 'Hello\n')))]), { check: true })
    assert.ok(events.some((event) => event.type === 'change' && !event.applied && event.change.diff?.after === 'Hello\n'))
    await assert.rejects(readFile(join(dir, 'motd')))
  })
  test('a task may be looked at only in every run', async () => {
    const { ends } = await run(simple([task<unknown>('one', { check: true }, async ({ host }) => void (await host.$`touch ${join(dir, 'never')}`))]))
    assert.deepEqual(ends, ['a one changed'])
    await assert.rejects(readFile(join(dir, 'never')))
  })
})

test('a block\'s tasks are delegated and ignored as it says, unless they say otherwise', async () => {
  const words = new Words()
  const { code, ends } = await run(simple([block('b', { ignoreErrors: true, tasks: [words.task('one', { fails: true }), words.task('two', { fails: true, ignoreErrors: false })] })]))
  assert.deepEqual([code, ends], [2, ['a one ignored', 'a two failed']])
})

describe('variables', () => {
  const schema = z.object({ word: z.string().default('hello'), count: z.number().int().optional() })
  test('that a task sets are seen by the tasks and recipes that follow, and checked', async () => {
    const seen: unknown[] = []
    const sees = task<{ readonly word: string }>('see', ({ vars }) => void seen.push(vars.word))
    const sets = task<unknown>('set', ({ setVariables }) => setVariables({ word: 'bye' }))
    const wrong = task<unknown>('wrong', ({ setVariables }) => setVariables({ count: 'many' }))
    const { code } = await run([simple([sees, sets, sees], { vars: schema }), simple([sees, wrong], { vars: schema })])
    assert.deepEqual([code, seen], [65, ['hello', 'bye', 'bye']])
  })
  test('of the command line win over those that tasks set', async () => {
    let seen: unknown
    await run(simple([task<unknown>('set', ({ setVariables }) => setVariables({ word: 'bye' })), task<{ readonly word: string }>('see', ({ vars }) => { seen = vars.word })], { vars: schema }), { extra: ['word=extra'] })
    assert.equal(seen, 'extra')
  })
  test('that are not defined fail the task that asks, and no other host', async () => {
    const { code, ends } = await run(simple([task<unknown>('one', ({ variables }) => void variables.get('colour'))]), { hosts: 'a\nb colour=red\n', forks: 1 })
    assert.deepEqual([code, ends], [2, ['a one failed', 'b one ok']])
  })
})

test('hosts and groups that a recipe makes are there for the next one, and a group that is used up leaves it without hosts', async () => {
  const list: string[] = []
  const says = task<unknown>('say', ({ inventoryHost }) => void list.push(inventoryHost))
  const make = simple([task<unknown>('make', ({ addHost }) => { addHost('VM one', { groups: ['vms'], variables: { colour: 'red' } }); addHost('vm2', { groups: ['vms'] }) })])
  const work = simple([says, task<unknown>('mark', ({ addToGroup }) => addToGroup('processed'))], { hosts: 'vms:!processed' })
  const { code, events } = await run([make, work, simple([says], { hosts: 'vms:!processed' })], { forks: 1 })
  assert.deepEqual([code, list], [0, ['VM one', 'vm2']])
  assert.ok(events.some((event) => event.type === 'note' && /no host matches "vms:!processed"/.test(event.message)))
})

test('facts are asked for once, and are a variable from then on', async () => {
  let seen: unknown
  const asks = task<unknown>('ask', async ({ facts }) => { seen = [(await facts()) === (await facts()), (await facts()).architecture.length > 0] })
  await run(simple([asks]))
  assert.deepEqual(seen, [true, true])
})

test('a pattern whose group is empty is skipped with a notice; an unknown one is an error', async () => {
  const nobody = recipe({ description: 'nobody', hosts: 'web', tasks: [] })
  const { code, events } = await run(nobody as never, { hosts: 'a\n[web]\n' })
  assert.equal(code, 0)
  assert.ok(events.some((event) => event.type === 'note' && /no host matches "web"/.test(event.message)))
  await assert.rejects(run(recipe({ description: 'nobody', hosts: 'wbe', tasks: [] }) as never, { hosts: 'a\n[web]\n' }), { exitCode: 65 })
})

describe('what comes from a host', () => {
  const TEMPLATE = '{{env "HOME"}}'
  test('is never a template: neither as a variable that a task sets nor as one of a host that it adds', async () => {
    const seen: unknown[] = []
    const sets = task<unknown>('set', ({ setVariables, addHost }) => {
      setVariables({ said: TEMPLATE, deep: [{ said: TEMPLATE }] })
      addHost('new', { variables: { said: TEMPLATE } })
    })
    await run(simple([sets, task<unknown>('see', ({ variables }) => void seen.push(variables.get('said'), variables.get('deep'), variables.of('new').get('said')))]))
    assert.deepEqual(seen, [TEMPLATE, [{ said: TEMPLATE }], TEMPLATE])
  })
})

test('what a task that runs once sets is set for all hosts, and checked', async () => {
  const seen: string[] = []
  const vars = z.object({ leader: z.string().default('nobody') })
  await run(simple([task<unknown>('elect', { runOnce: true }, ({ inventoryHost, setVariables }) => setVariables({ leader: inventoryHost })), task<{ readonly leader: string }>('see', ({ inventoryHost, vars: { leader } }) => void seen.push(`${inventoryHost} ${leader}`))], { vars }), { hosts: ['a', 'b'] })
  assert.deepEqual(seen.toSorted(), ['a a', 'b a'])
})

test('a variable that one recipe sets may be required by the next; one that is wrong is refused before anything runs', async () => {
  const words = new Words()
  const sets = simple([words.task('one'), task<unknown>('set', ({ setVariables }) => setVariables({ token: 'x' }))])
  const needs = (type: z.ZodObject): ReturnType<typeof simple> => simple([words.task('two')], { vars: type })
  assert.equal((await run([sets, needs(z.object({ token: z.string() }))])).code, 0)
  assert.equal((await run([sets, needs(z.object({ other: z.string() }))])).code, 65)
  assert.equal(words.text, 'one two one')
  assert.equal((await run([sets, needs(z.object({ count: z.number() }))], { extra: ['count=many'] })).code, 65)
  assert.equal(words.text, 'one two one')
})

test('what a failed attempt changed counts, also when the next one finds nothing left to do', async () => {
  const words = new Words()
  let tries = 0
  const one = task<unknown>('one', { retries: 1, delay: 0, notify: handler('h', {}, () => void words.list.push('h')) }, async ({ host }) => {
    if (++tries > 1) return
    await host.$`:`
    throw new TaskError('not-yet', 'not yet')
  })
  const { ends } = await run(simple([one]))
  assert.deepEqual([ends, words.text], [['a one changed', 'a h ok'], 'h'])
})

test('until ends the attempts also when they fail', async () => {
  let tries = 0
  const { code } = await run(simple([task<unknown>('one', { retries: 5, delay: 0, until: ({ failed }) => failed }, () => {
    tries += 1
    throw new TaskError('broken', 'broken')
  })]))
  assert.deepEqual([code, tries], [2, 1])
})

test('in a check, what an ignored failure would have changed is a change', async () => {
  const { code } = await run(simple([task<unknown>('one', { ignoreErrors: true }, async ({ host }) => {
    await host.$`:`
    throw new TaskError('broken', 'broken')
  })]), { check: true })
  assert.equal(code, 3)
})

describe('an include', () => {
  test('inherits from the blocks around it, not from itself: its own condition is judged once', async () => {
    const words = new Words()
    let wanted = true
    const first = task<unknown>('first', () => { wanted = false; words.list.push('first') })
    await run(simple([include('more', () => [first, words.task('second')], { when: () => wanted })]))
    assert.equal(words.text, 'first second')
  })
  test('that runs once does so with all that is in it', async () => {
    const words = new Words()
    await run(simple([include('more', () => [words.task('in')], { runOnce: true }), words.task('after')]), { hosts: ['a', 'b'] })
    assert.deepEqual(words.list.toSorted(), ['after', 'after', 'in'])
  })
  test('that gives no list, or notifies nobody, is an error before anything of it runs', async () => {
    const words = new Words()
    assert.equal((await run(simple([include('more', () => 'text' as never)]))).code, 65)
    const { code } = await run(simple([include('more', () => [words.task('one', { changes: true }), words.task('two', { notify: 'nosuch' })])]))
    assert.deepEqual([code, words.text], [65, ''])
  })
})
