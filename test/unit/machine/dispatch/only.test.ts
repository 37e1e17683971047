import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onlyThese, selectsNone } from '../../../../src/machine/index.ts'

const entry = (platform: string, target: string) => ({ platform, target, overrides: {}, location: undefined })

test('machines are selected by platform and target, or by their names', () => {
  const known = [entry('debian_12', 'amd64'), entry('debian_12', 'arm64')]
  for (const [word, count] of [['debian_12/amd64', 1], ['*/arm64', 1], ['debian_12/*', 2], ['debian_12_arm64', 1], ['debian/amd64', 0], ['debian.12/amd64', 0]] as const) {
    assert.equal(known.filter(onlyThese([word])).length, count, word)
  }
})

test('words that select no machine are an error that says what there is and what was meant', () => {
  const error = selectsNone(['debain_12/amd64'], [entry('debian_12', 'amd64'), entry('debian_12', 'amd64')])
  assert.match(error.message, /debain_12\/amd64/)
  assert.match(error.hint ?? '', /did you mean debian_12\/amd64\?/)
  assert.deepEqual(error.details, ['the configuration has debian_12/amd64'])
})

test('of a large configuration the error names the first dozen', () => {
  const known = Array.from({ length: 40 }, (_, index) => entry(`os${String(index).padStart(2, '0')}`, 'amd64'))
  assert.match(selectsNone(['zzzzzz/qq'], known).details.join(), /os11\/amd64 and 28 more$/)
})
