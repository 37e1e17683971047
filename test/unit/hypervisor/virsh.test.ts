import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { virshScript } from '../../../src/hypervisor/virsh.ts'

test('any word reaches virsh as it is, whatever quotes, blanks or semicolons it holds', () => {
  const words = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1 }).filter((word) => !/[\n\r]/.test(word)), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(words, (list) => {
      const echoed = execFileSync('virsh', ['-q', virshScript([['echo', 'x', ...list, 'end']])], { encoding: 'utf8' })
      assert.equal(echoed, `${['x', ...list, 'end'].join(' ')}`)
    }),
    { numRuns: 60 },
  )
})
