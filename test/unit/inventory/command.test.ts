/** `farm inventory` and `farm hosts`, from words to what is printed. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import type { Io } from '../../../src/cli/command.ts'
import { runFarm } from '../../../src/cli/main.ts'
import { conceal } from '../../../src/secrets.ts'
import { layFiles } from './files.ts'

let dir = ''
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'farm-command-'))
  await layFiles(dir, {
    hosts: '[web]\nw1 port=80 "url=http://{{ name }}:{{ port }}"\nw2\n[db]\nd1\n[site:children]\nweb\ndb\n',
    'group_vars/all.yml': 'port: 1\nname: x\n',
    'warns.yml': 'web:\n  host: {h1: }\n',
    'vault.yml': 'web:\n  hosts:\n    h1:\n      password: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        6162\n',
  })
})
after(() => rm(dir, { recursive: true }))

async function farm(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' }
  const keep = (name: 'out' | 'err'): Writable => new Writable({ write: (chunk: Buffer, _encoding, done) => { text[name] += chunk.toString(); done() } })
  const io: Io = { stdin: new PassThrough(), stdout: keep('out'), stderr: keep('err'), env: {}, signal: new AbortController().signal }
  return { code: await runFarm(words, io), ...text }
}
const hosts = (): string => join(dir, 'hosts')

describe('farm inventory', () => {
  test('--list and --host are JSON, and a limit leaves the others out', async () => {
    const list = JSON.parse((await farm('inventory', '-i', hosts(), '--list', '--limit', 'web')).out) as Record<string, unknown>
    assert.deepEqual(list['web'], { hosts: ['w1', 'w2'] })
    assert.equal(list['db'], undefined)
    assert.equal(Object.keys((list['_meta'] as { hostvars: object }).hostvars).join(), 'w1,w2')
    assert.deepEqual(JSON.parse((await farm('inventory', '-i', hosts(), '--host', 'd1', '-e', 'a=1')).out), { port: 1, name: 'x', a: '1' })
    assert.equal((await farm('inventory', '-i', hosts(), '--host', 'd1', '--limit', 'web')).code, 65)
  })
  test('--graph is a tree, with variables when asked for', async () => {
    assert.equal((await farm('inventory', '-i', hosts(), '--graph')).out, '@all:\n  |--@ungrouped:\n  |--@site:\n  |  |--@web:\n  |  |  |--w1\n  |  |  |--w2\n  |  |--@db:\n  |  |  |--d1\n')
    assert.equal((await farm('inventory', '-i', hosts(), '--graph', 'db', '--vars')).out, '@db:\n  |--d1\n  |  |--{name = x}\n  |  |--{port = 1}\n')
    const { code, err } = await farm('inventory', '-i', hosts(), '--graph', 'wbe')
    assert.deepEqual([code, /did you mean web\?/.test(err)], [65, true])
  })
  test('--yaml is an inventory again', async () => {
    assert.match((await farm('inventory', '-i', hosts(), '--yaml', '--list')).out, /^all:\n {2}children:\n/)
    assert.equal((await farm('inventory', '-i', hosts(), '--yaml', '--host', 'd1')).out, 'port: 1\nname: x\n')
  })
  test('encrypted values stay encrypted', async () => {
    const { out } = await farm('inventory', '-i', join(dir, 'vault.yml'), '--host', 'h1')
    assert.match((JSON.parse(out) as { password: { __ansible_vault: string } }).password.__ansible_vault, /^\$ANSIBLE_VAULT;1\.1;AES256\n6162/)
    assert.match((await farm('inventory', '-i', join(dir, 'vault.yml'), '--yaml')).out, /password: !vault \|\n\s+\$ANSIBLE_VAULT;1\.1;AES256\n\s+6162\n/)
  })
  test('a number that is a secret is masked, and the JSON is still JSON', async () => {
    conceal('4711471')
    const { out } = await farm('inventory', '-i', hosts(), '--host', 'd1', '-e', '{"pin": 4711471}')
    assert.equal((JSON.parse(out) as { pin: unknown }).pin, '********')
  })
  test('--explain shows what was said where, and what came of it', async () => {
    const { out } = await farm('inventory', '-i', hosts(), '--host', 'w1', '--explain', 'url', 'port', '-e', 'name=y')
    const lines = out.replaceAll(/\S*\/farm-command-\w+\//g, '').split('\n')
    assert.deepEqual(lines, ['url = "http://y:80"', '  > "http://{{ name }}:{{ port }}"  hosts:2:12 (host w1)', 'port = 80', '    1   group_vars/all.yml:1:1', '  > 80  hosts:2:4 (host w1)', ''])
    const json = JSON.parse((await farm('inventory', '-i', hosts(), '--host', 'w1', '--explain', 'port', '--json')).out) as { variables: { port: { value: unknown; settings: { line: number; won: boolean }[] } } }
    assert.equal(json.variables.port.value, 80)
    assert.deepEqual(json.variables.port.settings.map(({ line, won }) => [line, won]), [[1, false], [2, true]])
  })
  test('--strict turns warnings into an error', async () => {
    const words = ['inventory', '-i', join(dir, 'warns.yml'), '--list']
    const { code, err } = await farm(...words)
    assert.equal(code, 0)
    assert.match(err, /warns\.yml:2:3: host in the group web is ignored: .*did you mean hosts\?/)
    assert.equal((await farm(...words, '--strict')).code, 65)
  })
  test('refuses words that mean nothing', async () => {
    for (const words of [[], ['--list', '--graph'], ['--list', 'web'], ['--explain'], ['--list', '--vars'], ['--graph', 'a', 'b']]) {
      assert.equal((await farm('inventory', '-i', hosts(), ...words)).code, 64, words.join(' '))
    }
  })
})

describe('farm hosts', () => {
  test('prints names, one a line', async () => {
    assert.equal((await farm('hosts', 'site:!w1', '-i', hosts())).out, 'w2\nd1\n')
    assert.equal((await farm('hosts', 'all', '--limit', 'w*', '-i', hosts())).out, 'w1\nw2\n')
  })
  test('takes an empty pattern for all', async () => assert.equal((await farm('hosts', '', '-i', hosts())).out.trim().split('\n').length, 3))
  test('warns of names that nobody knows, which match nothing', async () => {
    const { code, out, err } = await farm('hosts', 'db:wbe', '-i', hosts())
    assert.deepEqual([code, out, /warning: no host and no group is called wbe/.test(err)], [0, 'd1\n', true])
  })
  test('refuses them when it is to be strict', async () => {
    const { code, err } = await farm('hosts', 'web:wbe', '-i', hosts(), '--strict')
    assert.deepEqual([code, /no host and no group is called wbe/.test(err)], [65, true])
  })
})
