import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { block, recipe, task } from '../../../src/recipe/index.ts'
import { compile } from '../../../src/run/compile.ts'

/** As in a recipe that nobody's editor has checked. */
const options = (value: object): never => value as never

describe('a recipe that was never type-checked is checked all the same', () => {
  const cases: readonly [title: string, write: () => unknown, message: RegExp, hint: RegExp][] = [
    ['an option as Ansible spells it', () => task('x', options({ run_once: true }), () => {}), /task "x": there is no option run_once/, /in farm: runOnce/],
    ['an option that is called otherwise', () => task('x', options({ check_mode: true }), () => {}), /there is no option check_mode/, /in farm: check/],
    ['a mistyped option', () => task('x', options({ notfy: 'h' }), () => {}), /there is no option notfy/, /did you mean notify/],
    ['a recipe\'s option', () => recipe(options({ description: 'r', hosts: 'all', tasks: [], any_errors_fatal: true })), /recipe "r": there is no option any_errors_fatal/, /anyErrorsFatal/],
    ['a block\'s option', () => block('b', options({ tasks: [], resuce: [] })), /block "b": there is no option resuce/, /did you mean rescue/],
    ['text for true or false', () => task('x', options({ ignoreErrors: 'no' }), () => {}), /ignoreErrors is true or false, got "no"/, /^$/],
    ['a condition that is no function', () => task('x', options({ when: 'a == b' }), () => {}), /when is a function/, /vars\.wanted/],
    ['no function at all', () => task('x', options({})), /needs a function/, /task\(name/],
  ]
  for (const [title, write, message, hint] of cases) {
    test(title, () => assert.throws(write, (error: Error & { exitCode?: number; hint?: string }) => {
      assert.deepEqual([error.exitCode, message.test(error.message), hint.test(error.hint ?? '')], [65, true, true], `${error.message} (${error.hint})`)
      return true
    }))
  }
  for (const [title, step] of [['nothing', undefined], ['a bare function', () => {}], ['a list', []]] as const) {
    test(`${title} in place of a step`, () => assert.throws(() => compile(recipe({ description: 'r', hosts: 'all', tasks: [step as never] }) as never, { only: [], skip: [] }), { exitCode: 65, message: /step 1 of a list of steps is no task/ }))
  }
  test('one tag may be written without a list', () => {
    const { nodes } = compile(recipe({ description: 'r', hosts: 'all', tasks: [task('x', { tags: 'never' }, () => {})] }) as never, { only: [], skip: [] })
    assert.equal(nodes[0]?.kind === 'task' && nodes[0].chosen, false)
  })
})
