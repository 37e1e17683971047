/** Hosts' variables with all that stands around the inventory, and what a run adds to the inventory. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { explainVariables, loadInventory, scopeFor, type Inventory } from '../../../src/inventory/index.ts'
import { layerOf } from '../../../src/vars/index.ts'
import { layFiles } from './files.ts'

let root = ''
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'farm-scope-'))
})
after(() => rm(root, { recursive: true }))

async function load(files: Record<string, string>, sources: string[] = ['hosts']): Promise<Inventory> {
  const cwd = await mkdtemp(join(root, 'x-'))
  await layFiles(cwd, files)
  return loadInventory(sources, { cwd })
}

describe('the variables of a host', () => {
  const files = { 'inv/hosts': '[web]\nw1.example.com v=inline\nw2\n[db]\nd1 port=5432\n[site:children]\nweb\ndb\n' }
  test('are, from the lowest: defaults, the inventory, what a run found out, extra variables', async () => {
    const inventory = await load(files, ['inv/hosts'])
    const layers = { defaults: [layerOf('defaults', { v: 1, w: 1 })], above: [layerOf('facts', { x: 2, v: 2 })], extra: [layerOf('--extra-vars', { x: 3 })] }
    const scope = scopeFor(inventory, 'w1.example.com', layers)
    assert.deepEqual([scope.get('v'), scope.get('w'), scope.get('x')], [2, 1, 3])
    assert.equal(scopeFor(inventory, 'w1.example.com', { defaults: layers.defaults }).get('v'), 'inline')
  })
  test('know the host, its groups and its file, and nobody can say otherwise', async () => {
    const inventory = await load(files, ['inv/hosts'])
    const scope = scopeFor(inventory, 'w1.example.com', { extra: [layerOf('--extra-vars', { inventory_hostname: 'x' })] })
    assert.equal(scope.get('inventory_hostname'), 'w1.example.com')
    assert.equal(scope.get('inventory_hostname_short'), 'w1')
    assert.deepEqual(scope.get('group_names'), ['site', 'web'])
    assert.deepEqual((scope.get('groups') as Record<string, unknown>)['site'], ['w1.example.com', 'w2', 'd1'])
    assert.match(String(scope.get('inventory_file')), /inv\/hosts$/)
    assert.match(String(scope.get('inventory_dir')), /inv$/)
    assert.equal(scopeFor(await load({}, ['h1,']), 'h1').has('inventory_file'), false)
  })
  test('lead to those of other hosts', async () => {
    const inventory = await load({ ...files, 'group_vars/web.yml': 'url: "{{ hostvars.[d1].port }}"\n' }, ['inv/hosts'])
    assert.equal(scopeFor(inventory, 'w2').get('url'), 5432)
    assert.throws(() => scopeFor(inventory, 'nope'), { code: 'unknown-host' })
  })
  test('cost no more a host when there are many hosts', async () => {
    const inventory = await load({ hosts: '[g]\nh[1:500]\n[g:vars]\nlast="{{ groups.g.[499] }}"\n' })
    const lists = new Set(inventory.hosts.map((host) => (scopeFor(inventory, host).get('last'), inventory.groups)))
    assert.equal(lists.size, 1)
  })
})

describe('what a run adds', () => {
  const files = { hosts: '[vms]\nvm1\nvm2\n', 'group_vars/processed.yml': 'done: true\n', 'host_vars/vm3.yml': 'late: 1\n' }
  test('hosts are selected, have variables and are in their groups', async () => {
    const inventory = await load(files)
    assert.equal(inventory.groups.has('processed'), false)
    inventory.addHost('vm3', { groups: ['vms', 'processed'], variables: { ansible_host: '10.0.0.3' }, origin: { file: 'recipe.ts', line: 7 } })
    assert.deepEqual(inventory.select('vms'), ['vm1', 'vm2', 'vm3'])
    assert.deepEqual(inventory.select('processed'), ['vm3'])
    assert.deepEqual(inventory.groups.get('processed'), ['vm3'])
    assert.deepEqual(inventory.toHost('vm3'), { done: true, ansible_host: '10.0.0.3', late: 1 })
    const scope = scopeFor(inventory, 'vm3')
    assert.deepEqual(scope.get('group_names'), ['processed', 'vms'])
    assert.deepEqual(scope.origin('ansible_host'), { file: 'recipe.ts', line: 7 })
    assert.equal(scope.explain('ansible_host')[0]?.layer, 'the run, host vm3')
  })
  test('a group is there for patterns, variables and templates at once', async () => {
    const inventory = await load({ ...files, 'group_vars/vms.yml': 'left: "{{ groups.processed.[0] }}"\n' })
    assert.deepEqual(inventory.select('vms:!processed'), ['vm1', 'vm2'])
    assert.throws(() => inventory.select('processed'), { code: 'unknown-host' })
    assert.deepEqual(inventory.select('processed', undefined, { unknown: new Set(['processed']) }), [])
    assert.throws(() => scopeFor(inventory, 'vm1').get('left'), { code: 'undefined-variable' })
    inventory.addToGroup('vm1', 'processed')
    assert.deepEqual(inventory.select('vms:!processed'), ['vm2'])
    assert.deepEqual(inventory.toHost('vm1')['done'], true)
    assert.equal(scopeFor(inventory, 'vm2').get('left'), 'vm1')
    assert.throws(() => inventory.addToGroup('nope', 'processed'), { code: 'unknown-host' })
  })
  test('a host without a group is ungrouped until it has one', async () => {
    const inventory = await load(files)
    inventory.addHost('lone')
    assert.deepEqual(inventory.groups.get('ungrouped'), ['lone'])
    inventory.addToGroup('lone', 'vms')
    assert.deepEqual(inventory.groups.get('ungrouped'), [])
    assert.deepEqual(inventory.hosts, ['vm1', 'vm2', 'lone'])
  })
  test('variables beside the recipe win over those beside the inventory', async () => {
    const inventory = await load({ 'inv/hosts': '[web]\nh1\n', 'inv/group_vars/web.yml': 'v: inventory\n', 'group_vars/web.yml': 'v: project\n', 'recipes/group_vars/web.yml': 'v: recipe\n' }, ['inv/hosts'])
    assert.deepEqual(inventory.toHost('h1'), { v: 'project' })
    inventory.readVarsBeside('recipes')
    assert.deepEqual(inventory.toHost('h1'), { v: 'recipe' })
  })
})

describe('an explanation', () => {
  test('names every layer with its place, the winner and its value', async () => {
    const inventory = await load({ hosts: '[web]\nh1 port=80\n[web:vars]\nurl="http://x:{{ port }}"\nbad="{{ nope }}"\n', 'group_vars/all.yml': 'port: 1\n' })
    const [port, url, bad] = explainVariables(inventory, 'h1', ['port', 'url', 'bad'])
    assert.deepEqual(port?.settings.map(({ value, won }) => [value, won]), [[1, false], [80, true]])
    assert.deepEqual(port?.settings.map(({ location }) => [location?.file.split('/').slice(-1)[0], location?.line]), [['all.yml', 1], ['hosts', 2]])
    assert.equal(url?.value, 'http://x:80')
    assert.match(bad?.problem ?? '', /nope is not defined/)
    assert.deepEqual(explainVariables(inventory, 'h1', []).map(({ name }) => name), ['bad', 'port', 'url'])
    assert.throws(() => explainVariables(inventory, 'h1', ['prt']), { hint: 'did you mean port?' })
  })
})
