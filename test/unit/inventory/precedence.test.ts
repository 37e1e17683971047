import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { explainVariables, loadInventory, scopeFor, type Inventory } from '../../../src/inventory/index.ts'
import { layFiles } from './files.ts'

const dir = mkdtempSync(join(tmpdir(), 'farm-precedence-'))
after(() => rmSync(dir, { recursive: true }))
let projects = 0

/** An inventory from a text and files of variables. */
async function inventory(text: string, files: Readonly<Record<string, string>> = {}): Promise<Inventory> {
  const project = join(dir, String(++projects))
  await layFiles(project, { hosts: text, ...files })
  return loadInventory(['hosts'], { cwd: project })
}

describe('the groups of a machine', () => {
  const ORDER = ['vms', 'amd64', 'debian_12', 'debian_12_amd64', 'VM debian_12_amd64']
  const vars = (name: string): string => `[${name}:vars]\nwho=${name}\n`
  /** Which of the names wins when all up to it set the variable. */
  const winner = async (names: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    const loaded = await inventory(`h1\n[other]\n${names.map((name) => `[${name}]\n${vars(name)}`).join('')}`, files)
    loaded.addHost('m', { groups: ['zzz', 'vms', 'debian_12', 'amd64'], precedence: ORDER })
    return scopeFor(loaded, 'm').get('who')
  }
  test('win in the order that is asked for, whatever their names are', async () => {
    for (let count = 1; count < ORDER.length; count += 1) assert.equal(await winner(['all', 'zzz', ...ORDER.slice(0, count)]), ORDER[count - 1])
    assert.equal(await winner(['all', 'zzz']), 'zzz')
  })
  test('each with its file of variables, which does not win over the next group', async () => {
    assert.equal(await winner(['debian_12'], { 'group_vars/vms.yml': 'who: file\n', 'group_vars/zzz.yml': 'who: other\n' }), 'debian_12')
    assert.equal(await winner(['debian_12'], { 'group_vars/debian_12.yml': 'who: file\n' }), 'file')
    assert.equal(await winner(['vms'], { 'group_vars/debian_12_amd64.yml': 'who: group without a group\n' }), 'group without a group')
    assert.equal(await winner(ORDER.slice(0, 4), { 'host_vars/m.yml': 'who: the machine\n' }), 'the machine')
  })
  test('may be a host of the inventory that stands for it', async () => {
    const loaded = await inventory("[vms]\n'VM debian_12_amd64' who=host\n[debian_12_amd64]\n[debian_12_amd64:vars]\nwho=group\n", { 'host_vars/VM debian_12_amd64.yml': 'more: file\n' })
    loaded.addHost('debian_12_amd64', { groups: ['vms', 'debian_12_amd64'], precedence: ORDER })
    const scope = scopeFor(loaded, 'debian_12_amd64')
    assert.deepEqual([scope.get('who'), scope.get('more')], ['host', 'file'])
    assert.deepEqual(loaded.select('debian_12_amd64'), ['debian_12_amd64'])
  })
  test('that have no hosts count, and so does what they are in', async () => {
    const loaded = await inventory('[debian:children]\ndebian_12\n[debian_12]\n[debian:vars]\na=debian\nb=debian\n[debian_12:vars]\nb=debian_12\n')
    loaded.addHost('m', { precedence: ORDER })
    assert.deepEqual([scopeFor(loaded, 'm').get('a'), scopeFor(loaded, 'm').get('b'), loaded.groupsOf('m')], ['debian', 'debian_12', ['debian', 'debian_12']])
  })
  test('are shown by explanations in that order, with their places', async () => {
    const loaded = await inventory(`[vms]\n${vars('vms')}[amd64]\n${vars('amd64')}`, { 'group_vars/vms.yml': 'who: file\n' })
    loaded.addHost('m', { groups: ['vms', 'amd64'], precedence: ORDER, variables: { who: 'm' } })
    const [who] = explainVariables(loaded, 'm', ['who'])
    assert.deepEqual(who?.settings.map(({ value, location }) => [value, location?.line]), [['vms', 3], ['file', 1], ['amd64', 6], ['m', undefined]])
  })
  test('matter for no other host', async () => {
    const loaded = await inventory(`h1\n[vms]\nh1\n[amd64]\nh1\n${vars('vms')}${vars('amd64')}`)
    loaded.addHost('m', { precedence: ORDER })
    assert.equal(scopeFor(loaded, 'h1').get('who'), 'vms')
  })
})

describe('a limit in a run in which hosts come to be', () => {
  test('is split into what selects something by now and what does not; what is excluded is in both', async () => {
    const loaded = await inventory('[hypervisors]\nhv1\nhv2\n[debian_12]\n')
    assert.deepEqual(loaded.splitLimit('hv1,debian_12_amd64,!hv2,debian_12,hv*,deb*,&amd64'), { present: ['hv1', '!hv2', 'hv*'], coming: ['debian_12_amd64', '!hv2', 'debian_12', 'deb*', '&amd64'] })
  })
  test('tells beforehand whether it would leave a host', async () => {
    const loaded = await inventory('hv1\n')
    const would = (limit: string): boolean => loaded.wouldSelect(limit, 'debian_12_amd64', ['vms', 'amd64'])
    assert.deepEqual(['debian_12_amd64', 'amd64', 'deb*', 'vms,!amd64', 'vms,&amd64', 'arm64', '!arm64'].map(would), [true, true, true, false, true, false, true])
  })
})
