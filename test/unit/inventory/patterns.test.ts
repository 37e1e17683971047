/** Host patterns and limits. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadInventory, type Inventory } from '../../../src/inventory/index.ts'
import { layFiles } from './files.ts'

let dir = ''
let inventory: Inventory
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'farm-patterns-'))
  const hosts = 'lone\n[web]\nweb[1:3]\n[db]\ndb1\ndb2\nweb2\n[staging]\nweb2\ndb1\n[prod:children]\nweb\ndb\n[v6]\n2001:db8::1\n'
  await layFiles(dir, { hosts, limit: 'web1\n# not this\n\ndb*\n' })
  inventory = await loadInventory(['hosts'], { cwd: dir })
})
after(() => rm(dir, { recursive: true }))

const select = (pattern: string, limit?: string): string => inventory.select(pattern, limit).join(' ')

describe('a pattern', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['web', 'web1 web2 web3'],
    ['db,web', 'db1 db2 web2 web1 web3'],
    ['prod', 'web1 web2 web3 db1 db2'],
    ['web:&staging', 'web2'],
    ['web:&staging:!db[0]', 'web2'],
    ['!staging:web', 'web1 web3'],
    ['web[0],db[0:1]', 'web1 db1 db2'],
    ['web[1:]', 'web2 web3'],
    ['web[-1]', 'web3'],
    ['web[7]', ''],
    ['web[-7]', ''],
    ['*1', 'db1 web1 2001:db8::1'],
    ['w?b[!12]', 'web3'],
    ['~(web|db)1', 'db1 web1'],
    ['~^web\\d$,!web3', 'web1 web2'],
    ['2001:db8::1', '2001:db8::1'],
    ['web:!nothing_yet', 'web1 web2 web3'],
    ['nope*', ''],
    ['!prod', 'lone 2001:db8::1'],
  ]
  for (const [pattern, hosts] of cases) {
    test(`${pattern} selects ${hosts || 'nothing'}`, () => assert.deepEqual(select(pattern).split(' ').sort(), hosts.split(' ').sort()))
  }
  test('keeps the order of its elements and of the inventory', () => assert.equal(select('db2,web'), 'db2 web1 web2 web3'))
  test('that names something unknown is refused with what was probably meant', () => {
    assert.throws(() => select('wbe'), { code: 'unknown-host', exitCode: 65, hint: 'did you mean web?' })
    assert.throws(() => select('web:&stagin'), { hint: 'did you mean staging?' })
    assert.throws(() => select('all', 'wbe1'), { code: 'unknown-host' })
    assert.throws(() => select('~('), { code: 'host-pattern' })
  })
})

describe('a limit', () => {
  test('narrows', () => assert.equal(select('web', 'staging'), 'web2'))
  test('may be read from a file', () => assert.equal(select('prod', '@limit'), 'web1 web2 db1 db2'))
  test('that leaves nothing is an error', () => assert.throws(() => select('web', 'db1'), { code: 'no-hosts' }))
  test('whose file is missing is an error', () => assert.throws(() => select('web', '@nope'), { code: 'limit-file' }))
})
