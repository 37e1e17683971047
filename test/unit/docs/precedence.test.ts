import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadInventory, scopeFor } from '../../../src/inventory/index.ts'
import { entryName, machinePrecedence } from '../../../src/machine/index.ts'
import { textOf } from './pages.ts'

const dir = mkdtempSync(join(tmpdir(), 'farm-docs-'))
after(() => rmSync(dir, { recursive: true }))

test('the example of whose variables win for a machine comes out as the documentation says', async () => {
  const [, block = ''] = /```yaml\n# all: children:\n([^]*?)```/.exec(textOf('docs/variables.md')) ?? []
  writeFileSync(join(dir, 'hosts.yaml'), `all:\n  children:\n${block}`)
  const inventory = await loadInventory(['hosts.yaml'], { cwd: dir })
  const values = ([['debian_12', 'amd64'], ['Arch-Linux', 'ppc64'], ['debian_12', 'ppc64']] as const).map(([platform, target]) => {
    const entry = { platform, target, overrides: {} }
    const name = entryName(entry)
    inventory.addHost(name, { groups: ['vms', target, platform], precedence: machinePrecedence(entry) })
    const scope = scopeFor(inventory, name)
    return [name, scope.get('connection_timeout'), scope.get('snapshot_type')]
  })
  assert.deepEqual(values, [['debian_12_amd64', 600, 'external'], ['Arch-Linux_ppc64', 1800, 'auto'], ['debian_12_ppc64', 2400, 'external']])
})
