import assert from 'node:assert/strict'
import { test } from 'node:test'
import remove from '../../../recipes/remove-test-farm.ts'

test('removing a test farm has no option that chooses machines, since it would remove the others all the same', () => {
  const names = Object.keys(remove.vars?.shape ?? {})
  for (const name of ['only', 'phases', 'shell_after', 'allow_unplaced']) assert.ok(!names.includes(name), name)
  for (const name of ['farm_name', 'vm_pool_dir', 'vm_purge_image_cache']) assert.ok(names.includes(name), name)
})
