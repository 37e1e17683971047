import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { block, include, type Recipe } from '../../../src/recipe/index.ts'
import { plan, run, simple, Words, type Asked } from './rig.ts'

/** Two tagged tasks, one that never runs unless asked for, one that always does, one without tags. */
function five(words: Words): Recipe {
  return simple([words.task('A', { tags: ['a'] }), words.task('B', { tags: ['b'] }), words.task('N', { tags: ['never', 'dbg'] }), words.task('Y', { tags: ['always'] }), words.task('U')])
}

async function said(asked: Asked, make: (words: Words) => Recipe = five): Promise<string> {
  const words = new Words()
  const { code } = await run(make(words), asked)
  assert.equal(code, 0)
  return words.text
}

describe('tags choose tasks as in Ansible', () => {
  const cases: readonly [title: string, asked: Asked, expected: string][] = [
    ['without any, all but those tagged never', {}, 'A B Y U'],
    ['one tag', { tags: ['a'] }, 'A Y'],
    ['two tags', { tags: ['a', 'b'] }, 'A B Y'],
    ['one tag left out', { skipTags: ['a'] }, 'B Y U'],
    ['always can be left out', { tags: ['a'], skipTags: ['always'] }, 'A'],
    ['leaving out wins over asking for', { tags: ['a'], skipTags: ['a'] }, 'Y'],
    ['never', { tags: ['never'] }, 'N Y'],
    ['a tag beside never', { tags: ['dbg'] }, 'N Y'],
    ['untagged', { tags: ['untagged'] }, 'Y U'],
    ['tagged', { tags: ['tagged'] }, 'A B Y'],
    ['all', { tags: ['all'] }, 'A B Y U'],
    ['all but the tagged ones', { skipTags: ['tagged'] }, 'U'],
    ['all left out but always', { skipTags: ['all'] }, 'Y'],
  ]
  for (const [title, asked, expected] of cases) test(title, async () => assert.equal(await said(asked), expected))
})

test('a tag that no task has is an error that names those that are there, and nothing runs', async () => {
  const words = new Words()
  await assert.rejects(run(five(words), { tags: ['zzz'] }), { code: 'unknown-tag', exitCode: 64, hint: /a, b, dbg/ })
  await assert.rejects(run(five(words), { skipTags: ['dbq'] }), { hint: /did you mean dbg/ })
  assert.equal(words.text, '')
})

test('a tag that no task has may be allowed: only what always runs is left', async () => {
  assert.equal(await said({ tags: ['zzz'], allowUnknownTags: true }), 'Y')
})

test('tasks in a block have its tags as well as their own, in its rescue and its end too', async () => {
  const make = (words: Words): Recipe => simple([block('B', { tags: ['b'], tasks: [words.task('one'), words.task('two', { tags: ['x'], fails: true })], rescue: [words.task('three')], always: [words.task('four')] }), words.task('five')])
  assert.equal(await said({ tags: ['b'] }, make), 'one two three four')
  assert.equal(await said({ tags: ['x'] }, make), 'two')
})

test('a recipe\'s tags are those of all its tasks', async () => {
  const words = new Words()
  await run([simple([words.task('one')], { tags: ['first'] }), simple([words.task('two')], { tags: ['second'] })], { tags: ['second'] })
  assert.equal(words.text, 'two')
})

test('what is included has the tags of its own, and those that the include gives it, but not those of the include', async () => {
  const make = (apply?: readonly string[]) => (words: Words): Recipe => simple([include('more', () => [words.task('in'), words.task('tagged', { tags: ['x'] })], { tags: ['x'], ...(apply && { apply }) })])
  assert.equal(await said({ tags: ['x'] }, make()), 'tagged')
  assert.equal(await said({ tags: ['x'] }, make(['x'])), 'in tagged')
  assert.equal(await said({}, make()), 'in tagged')
})

test('a plan names tasks with their tags and handlers, and runs nothing', async () => {
  const words = new Words()
  const handler = words.task('H')
  const { stages, tags } = await plan(simple([words.task('A', { tags: ['z', 'a'] }), block('B', { tags: ['b'], tasks: [words.task('C')] })], { handlers: [handler] }), { hosts: ['x', 'y'] })
  assert.deepEqual(stages[0]?.hosts, ['x', 'y'])
  assert.deepEqual(stages[0]?.tasks.map(({ name, tags: own, depth, handler: is }) => [name, own.join(' '), depth, is]), [['A', 'a z', 0, false], ['C', 'b', 1, false], ['H', '', 0, true]])
  assert.deepEqual(tags, ['a', 'b', 'z'])
  assert.equal(words.text, '')
})

describe('a run may begin at a task', () => {
  const three = (words: Words): Recipe => simple([words.task('A one'), block('block', { tasks: [words.task('B two')], always: [words.task('C three')] }), words.task('D four')])
  test('what comes before it is left out', async () => assert.equal(await said({ startAt: 'B two' }, three), 'B two C three D four'))
  test('its name may be a glob', async () => assert.equal(await said({ startAt: 'C *' }, three), 'C three D four'))
  test('a name that no task has is an error', async () => {
    const words = new Words()
    await assert.rejects(run(three(words), { startAt: 'B twoo' }), { code: 'unknown-task', exitCode: 64, hint: 'did you mean B two?' })
    assert.equal(words.text, '')
  })
})
