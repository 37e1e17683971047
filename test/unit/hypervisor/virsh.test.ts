import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { bindHost, connect } from '../../../src/host/index.ts'
import { Virsh, virshScript } from '../../../src/hypervisor/virsh.ts'

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

test('more questions than fit into one command are asked all the same, and answered in their order', async () => {
  await using connection = await connect({ name: 'localhost', connection: 'local' })
  const virsh = new Virsh(bindHost(connection, { recorder: { check: true, changed: () => undefined, output: () => undefined } }), 'test:///default')
  const words = Array.from({ length: 3000 }, (_, index) => `a machine that is called ${index}`)
  assert.deepEqual(await virsh.ask(words.map((word) => ['echo', word])), words)
})
