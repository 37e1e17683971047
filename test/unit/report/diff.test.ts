import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unifiedDiff } from '../../../src/report/diff.ts'

test('a difference is shown under its own name, whatever letters are in it', () => {
  assert.deepEqual(unifiedDiff({ title: '/tmp/a é', before: 'one\n', after: 'two\n' }, false), ['--- /tmp/a é\tis', '+++ /tmp/a é\tshall be', '@@ -1,1 +1,1 @@', '-one', '+two'])
  assert.deepEqual(unifiedDiff({ title: 'new', before: '', after: 'two\n' }, false).slice(0, 2), ['--- nothing', '+++ new\tshall be'])
})
