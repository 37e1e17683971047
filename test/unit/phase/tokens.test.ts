import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { allowedPhases, LIFE_STEPS, parsePhases, snapshotNames } from '../../../src/phase/index.ts'
import { checkVars, layerOf, Scope } from '../../../src/vars/index.ts'

test('without allowed_phases all ten steps may run', () => {
  assert.deepEqual(allowedPhases.parse(undefined), [...LIFE_STEPS])
  assert.equal(LIFE_STEPS.length, 10)
})

test('allowed_phases is a set: its order and repetitions mean nothing', () => {
  assert.deepEqual(allowedPhases.parse(['shutdown', 'main', 'restore init', 'main']), ['restore init', 'main', 'shutdown'])
})

test('--phases takes text with commas, and hyphens or underscores in place of blanks', () => {
  assert.deepEqual([...parsePhases('init, main,restore-init,create_clean')], ['restore init', 'create clean', 'init', 'main'])
})

test('a step that does not exist is an error that says which was meant', () => {
  assert.throws(() => parsePhases('init,mian'), { code: 'unknown-phase', exitCode: 65, message: /"mian" is none: did you mean main\?/ })
  assert.throws(() => parsePhases(''), { code: 'unknown-phase', message: /known: startup, restore init/ })
})

test('as a variable of a recipe a wrong step is refused with its place, and a list or text of the command line is taken', () => {
  const schema = z.object({ allowed_phases: allowedPhases })
  const scope = (value: unknown): Scope => new Scope([layerOf('test', { allowed_phases: value }, { file: 'farm.yaml', line: 7 })])
  assert.deepEqual(checkVars(schema, scope('startup,main'), 'vm').allowed_phases, ['startup', 'main'])
  assert.deepEqual(checkVars(schema, scope(['startup']), 'vm').allowed_phases, ['startup'])
  assert.deepEqual(checkVars(schema, scope([]), 'vm').allowed_phases, [])
  assert.throws(() => checkVars(schema, scope(['startup', 'restore innit']), 'vm'), { location: { file: 'farm.yaml', line: 7 }, message: /"restore innit" is none: did you mean restore init\?/ })
})

test('the snapshot clean is shared by all projects, and init is named after project and revision', () => {
  assert.deepEqual(snapshotNames({ id: 'example_04.vde', revision: 0 }), { clean: 'clean', init: 'example_04.vde.0.init' })
})

test('a project whose name cannot be part of a file name is refused', () => {
  assert.throws(() => snapshotNames({ id: 'a/b', revision: 0 }), { code: 'project-name', message: /project_id is "a\/b"/ })
  assert.throws(() => snapshotNames({ id: 'a', revision: '1 2' }), { code: 'project-name', message: /project_revision/ })
})
