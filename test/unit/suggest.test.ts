import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { distance, nearest } from '../../src/suggest.ts'

const KNOWN = ['provision-cluster', 'unprovision-cluster', 'run', 'status', 'ssh', 'ssh-config']

for (const [typed, meant] of [['provison-cluster', 'provision-cluster'], ['provision', 'provision-cluster'], ['statsu', 'status'], ['rn', 'run'], ['SSH', 'ssh'], ['ssh-confg', 'ssh-config']] as const) {
  test(`"${typed}" is taken for "${meant}"`, () => { assert.equal(nearest(typed, KNOWN), meant) })
}

test('a word that resembles nothing gets no suggestion', () => { assert.equal(nearest('frobnicate', KNOWN), undefined) })

test('distances are symmetric, zero for the same word only, and at most the longer length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const far = distance(a, b)
      assert.equal(far, distance(b, a))
      assert.equal(far === 0, a === b)
      assert.ok(far <= Math.max(a.length, b.length))
    }),
  )
})
