/** Inventories as users lay them out. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { InputError, type Location } from '../../../src/errors.ts'
import { loadInventory, type Inventory } from '../../../src/inventory/index.ts'
import { Scope } from '../../../src/vars/index.ts'
import { layFiles } from './files.ts'

let root = ''
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'farm-inventory-'))
})
after(() => rm(root, { recursive: true }))

async function load(files: Record<string, string>, sources: string[] = ['hosts'], extraDirs: string[] = []): Promise<Inventory> {
  const cwd = await mkdtemp(join(root, 'x-'))
  await layFiles(cwd, files)
  return loadInventory(sources, { cwd, extraDirs })
}
const ini = (text: string): Promise<Inventory> => load({ hosts: text })

async function refuses(files: Record<string, string>, source: string, at: Partial<Location>, hint?: RegExp): Promise<void> {
  await assert.rejects(load(files, [source]), (error: unknown) => {
    assert.ok(error instanceof InputError, String((error as Error).stack))
    assert.equal(error.exitCode, 65)
    const { file = '', ...place } = error.location ?? { file: '' }
    assert.ok(file.endsWith(source), file)
    assert.deepEqual(place, at)
    if (hint) assert.match(error.hint ?? '', hint)
    return true
  })
}

describe("the playbook's own layout", () => {
  test('inventory/hosts.ini finds host_vars/ beside inventory/', async () => {
    const inventory = await load(
      {
        'inventory/hosts.ini': '[vmhost]\nanemoi\n',
        'host_vars/anemoi.yml': 'vmhost_cluster_name: anemoi\nvm_cluster_pool: "{{ vmhost_cluster_name }}-pool"\nvm_img_release_date: 20241007-1893\n',
      },
      ['inventory/hosts.ini'],
    )
    const scope = new Scope(inventory.layers('anemoi'))
    assert.equal(scope.get('vm_cluster_pool'), 'anemoi-pool')
    assert.equal(scope.get('vm_img_release_date'), '20241007-1893')
    assert.equal(scope.get('inventory_hostname'), 'anemoi')
    assert.deepEqual(scope.get('group_names'), ['vmhost'])
    assert.match(scope.origin('vm_cluster_pool')?.file ?? '', /host_vars\/anemoi\.yml$/)
    assert.equal(scope.origin('vm_cluster_pool')?.line, 2)
  })
})

describe('precedence, from the lowest', () => {
  const files = {
    'inv/hosts': '[web]\nh1 v=host-inline\n[site:children]\nweb\n[all:vars]\nv=all-inline\n[site:vars]\nv=site-inline\n[web:vars]\nv=web-inline\n',
    'inv/group_vars/all.yml': 'v: all-beside',
    'recipe/group_vars/all.yml': 'v: all-recipe',
    'inv/group_vars/site.yml': 'v: site-beside',
    'inv/group_vars/web/a.yml': 'v: web-beside-a',
    'inv/group_vars/web/b.yml': 'v: web-beside-b',
    'recipe/group_vars/web.json': '{"v": "web-recipe"}',
    'inv/host_vars/h1.yaml': 'v: host-beside',
    'recipe/host_vars/h1': 'v: host-recipe',
  }
  test('inline groups, group_vars/all, group_vars, the host, host_vars', async () => {
    const scope = new Scope((await load(files, ['inv/hosts'], ['recipe'])).layers('h1'))
    assert.deepEqual(
      scope.explain('v').map(({ value }) => value),
      ['all-inline', 'site-inline', 'web-inline', 'all-beside', 'all-recipe', 'site-beside', 'web-beside-a', 'web-beside-b', 'web-recipe', 'host-inline', 'host-beside', 'host-recipe'],
    )
    assert.equal(scope.get('v'), 'host-recipe')
  })
  test('every setting knows its file, line and column', async () => {
    const settings = new Scope((await load(files, ['inv/hosts'])).layers('h1')).explain('v')
    const inline = settings.find(({ value }) => value === 'host-inline')
    assert.deepEqual([inline?.location?.line, inline?.location?.column], [2, 4])
    assert.match(inline?.layer ?? '', /inv\/hosts, host h1$/)
  })
  test('among groups of one depth the later name wins, unless a priority says otherwise', async () => {
    const groups = '[a]\nh1\n[b]\nh1\n[a:vars]\nv=a\n[b:vars]\nv=b\n'
    assert.deepEqual((await ini(groups)).toHost('h1'), { v: 'b' })
    assert.deepEqual((await ini(`${groups}[a:vars]\nansible_group_priority=2\n`)).toHost('h1'), { v: 'a' })
  })
  test('of several sources the later wins', async () => {
    const inventory = await load({ a: 'h1 v=a w=a\n', 'b.yml': 'all: {hosts: {h1: {v: b}}}\n' }, ['a', 'b.yml'])
    assert.deepEqual(inventory.toHost('h1'), { v: 'b', w: 'a' })
  })
})

describe('sources', () => {
  test('names with spaces stand in YAML and in host_vars/', async () => {
    const inventory = await load({ 'i.yml': 'vms:\n  hosts:\n    VM debian_12_amd64: {a: 1}\n', 'host_vars/VM debian_12_amd64.yml': 'b: 2\n' }, ['i.yml'])
    assert.deepEqual(inventory.toHost('VM debian_12_amd64'), { a: 1, b: 2 })
    assert.deepEqual(inventory.select('VM debian_12_amd64,'), ['VM debian_12_amd64'])
    assert.throws(() => inventory.select('VM debian_12_amd64'), { hint: 'a name with spaces needs a comma: "VM debian_12_amd64,"' })
  })
  test('the kind of a file without an extension is seen from its first line', async () => {
    assert.deepEqual((await load({ hosts: '# c\nall:\n  hosts:\n    h1:\n' })).hosts, ['h1'])
    assert.deepEqual((await load({ hosts: '{"all": {"hosts": {"h1": {}}}}' })).hosts, ['h1'])
    await refuses({ hosts: '{"web": {"hosts": {}}, "_meta": {"hostvars": {}}}' }, 'hosts', { line: 1, column: 24 }, /program/)
    assert.deepEqual((await load({ hosts: '; c\nh1:22 a=b:c\n' })).toHost('h1'), { ansible_port: 22, a: 'b:c' })
  })
  test('a program without _meta is asked for each host', async () => {
    const inventory = await load({ 'inv.sh+x': '#!/bin/sh\nif [ "$1" = --list ]; then echo \'{"web": ["h1", "h2"]}\'; else echo "{\\"name\\": \\"$2\\"}"; fi\n' }, ['inv.sh'])
    assert.deepEqual(inventory.toHost('h2'), { name: 'h2' })
  })
  test('a list of names takes addresses and ports', async () => {
    const inventory = await load({}, ['h1:2222,10.0.0.1, 2001:db8::1,'])
    assert.deepEqual(inventory.hosts, ['h1', '10.0.0.1', '2001:db8::1'])
    assert.deepEqual(inventory.toHost('h1'), { ansible_port: 2222 })
  })
  test('localhost is there without being named, and takes the variables of all', async () => {
    const inventory = await load({ hosts: 'h1\n[all:vars]\na=1\n', 'host_vars/localhost.yml': 'b: 2\n' })
    assert.deepEqual(inventory.select('localhost'), ['localhost'])
    assert.deepEqual(inventory.toHost('localhost'), { a: 1, ansible_connection: 'local', b: 2 })
    assert.deepEqual(inventory.select('all'), ['h1'])
  })
  test('what is passed over is said', async () => {
    const inventory = await load({ 'inv/a': '[web]\nh1\n', 'inv/b.ini': 'h2\n', 'inv/group_vars/web.txt': 'a', 'inv/group_vars/all.yml': '', 'inv/group_vars/all.yaml': 'a: 1\n' }, ['inv'])
    assert.deepEqual(inventory.hosts, ['h1'])
    assert.deepEqual(
      inventory.warnings.map(({ message }) => message.replace(/\S*\/inv\//g, '')),
      ['b.ini is passed over: *.ini is not read from a directory', 'group_vars/all.yaml is not read, for there is all.yml too, which comes first: join the two', 'group_vars/web.txt is not read: its name must end in .yml, .yaml or .json'],
    )
  })
})

describe('INI values', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['5', 5], ['-5', -5], ['1.10', 1.1], ['0012', '0012'], ['1_000', 1000], ['0x10', 16], ['1e3', 1000], ['True', true], ['true', 'true'], ['None', null], ["'a b'", 'a b'], ['"a" "b"', 'ab'],
    ["'a\\tb'", 'a\tb'], ['[1, "x", [True]]', [1, 'x', [true]]], ['(1, 2)', [1, 2]], ['(1)', 1], ["{'a': {'b': 1}}", { a: { b: 1 } }], ['[1,', '[1,'], ['192.168.1.1', '192.168.1.1'], ['1-2', '1-2'],
    ['2024-10-07', '2024-10-07'], ['52:54:00:00:00:01', '52:54:00:00:00:01'], ['35G', '35G'], ['12345678901234567890', '12345678901234567890'], ['5 # five', 5], ['a # b', 'a # b'], ['~/x', '~/x'], ["it's", "it's"], ['', ''],
  ]
  for (const [text, expected] of cases) test(`${text || 'nothing'} is ${JSON.stringify(expected)}`, async () => assert.deepEqual(JSON.parse(JSON.stringify((await ini(`h1\n[all:vars]\nv=${text}\n`)).toHost('h1')['v'])), expected))
})

describe('mistakes have file, line and column', () => {
  test('in INI', async () => {
    await refuses({ hosts: '[web]\nh1 a=1 foo\n' }, 'hosts', { line: 2, column: 8 })
    await refuses({ hosts: '[web\n' }, 'hosts', { line: 1, column: 1 })
    await refuses({ hosts: '[we b]\n' }, 'hosts', { line: 1, column: 1 })
    await refuses({ hosts: '[web:var]\n' }, 'hosts', { line: 1, column: 1 }, /vars/)
    await refuses({ hosts: '[web]\nh1\n[wbe:vars]\na=1\n' }, 'hosts', { line: 3, column: 1 }, /web/)
    await refuses({ hosts: '[site:children]\n  web\n' }, 'hosts', { line: 2, column: 3 })
    await refuses({ hosts: '[a:children]\nb\n[b:children]\na\n' }, 'hosts', { line: 4, column: 1 })
    await refuses({ hosts: '[web]\nh1 a="x\n' }, 'hosts', { line: 2, column: 6 })
    await refuses({ hosts: '[all:vars]\nfoo\n' }, 'hosts', { line: 2, column: 1 })
    await refuses({ hosts: 'h1\nn[1:\n' }, 'hosts', { line: 2, column: 1 })
    await refuses({ hosts: 'h1 __proto__=1\n' }, 'hosts', { line: 1, column: 4 })
  })
  test('in YAML', async () => {
    await refuses({ 'i.yml': 'all:\n  hosts: [h1]\n' }, 'i.yml', { line: 2, column: 3 })
    await refuses({ 'i.yml': 'all:\n  hosts:\n    h1: 5\n' }, 'i.yml', { line: 3, column: 5 })
    await refuses({ 'i.yml': '- h1\n' }, 'i.yml', { line: 1, column: 1 })
    await refuses({ 'i.yml': 'all:\n  hosts:\n    n[1:x]:\n' }, 'i.yml', { line: 3, column: 5 })
    await refuses({ 'i.yml': 'a: {children: {b: {children: {a: }}}}\n' }, 'i.yml', { line: 1, column: 16 })
    await refuses({ 'i.json': '{"all": {"hosts": {"h1": {}},}' }, 'i.json', { line: 1, column: 31 })
  })
  test('in programs', async () => {
    await refuses({ 'i.sh': '#!/bin/sh\n' }, 'i.sh', { line: 1, column: 1 }, /chmod/)
    await refuses({ 'i.sh+x': '#!/bin/sh\necho "[1]"\n' }, 'i.sh', {})
  })
  test('in group_vars', async () => {
    await assert.rejects(load({ hosts: 'h1\n', 'group_vars/all.yml': 'a: {{ b }}\n' }), { code: 'yaml-key' })
    await assert.rejects(load({ hosts: 'h1\n', 'host_vars/h1.yml': '- a\n' }), { code: 'not-variables' })
  })
})

describe('ranges', () => {
  test('any padded range has its names in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 9 }), fc.boolean(), async (from, length, step, padded) => {
        const text = (number: number): string => (padded ? String(number).padStart(3, '0') : String(number))
        const expected = []
        for (let number = from; number <= from + length; number += step) expected.push(`n${text(number)}.x`)
        assert.deepEqual((await ini(`n[${text(from)}:${text(from + length)}:${step}].x\n`)).hosts, expected)
      }),
      { numRuns: 40 },
    )
  })
})
