import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { encryptVault } from '../../../src/vars/index.ts'
import { Stage } from './stage.ts'

const PLAIN = 'opensesame-42'

let stage: Stage
before(async () => {
  stage = await Stage.create(['web1'])
  stage.write('secret.yml', encryptVault(`token: ${PLAIN}\n`, 'right'))
  stage.write('password', 'right\n')
  stage.write('wrong', 'left\n')
  stage.write('script', '#!/bin/sh\necho right\n', 0o755)
  stage.recipe('use', "task('use', async ({ host, variables }) => void (await host.$`printf %s ${String(variables.get('token'))} | wc -c; echo the token is ${String(variables.get('token'))}`))")
})
after(() => stage.close())

const use = (...args: readonly string[]): ReturnType<Stage['run']> => stage.run('run', './use.ts', '-i', 'hosts.ini', '-v', '-e', '@secret.yml', ...args)

describe('a file that is encrypted as a whole', () => {
  for (const [title, file] of [['a file', 'password'], ['a program', 'script']] as const) {
    test(`is opened with the password of ${title}; its values reach the host and nobody else`, async () => {
      const { code, stdout, stderr } = await use('--vault-password-file', file)
      assert.equal(code, 0, stderr)
      assert.match(stdout, new RegExp(`\\| ${PLAIN.length}\n`))
      assert.match(stdout, /the token is \*{8}/)
      assert.doesNotMatch(stdout + stderr + stage.journals(), new RegExp(PLAIN))
    })
  }
  test('without a password is an error that says how to give one, before anything runs', async () => {
    const { code, stdout, stderr } = await use()
    assert.equal(code, 65)
    assert.match(stderr, /secret\.yml/)
    assert.match(stderr, /--ask-vault-pass or --vault-password-file/)
    assert.doesNotMatch(stdout + stderr, new RegExp(PLAIN))
  })
  test('with the wrong password is an error, and shows nothing', async () => {
    const { code, stdout, stderr } = await use('--vault-password-file', 'wrong')
    assert.equal(code, 65)
    assert.match(stderr, /secret\.yml/)
    assert.doesNotMatch(stdout + stderr, new RegExp(PLAIN))
  })
})

test('a value that is encrypted by itself stays so in lists, and is opened where it is used', async () => {
  const inline = encryptVault(PLAIN, 'right').trimEnd().split('\n').map((line) => `  ${line}`).join('\n')
  stage.write('inline.yml', `all:\n  vars:\n    shown: 1\n  hosts:\n    web1:\n      token: !vault |\n${inline.replace(/^ {2}/gm, '        ')}\n`)
  const list = await stage.run('inventory', '-i', 'inline.yml', '--host', 'web1')
  assert.equal(list.code, 0, list.stderr)
  assert.ok('__ansible_vault' in (JSON.parse(list.stdout) as { token: object }).token)
  const run = await stage.run('run', './use.ts', '-i', 'inline.yml', '-i', 'hosts.ini', '-v', '--vault-password-file', 'password')
  assert.equal(run.code, 0, run.stderr)
  assert.match(run.stdout, /the token is \*{8}/)
  const explained = await stage.run('inventory', '-i', 'inline.yml', '--host', 'web1', '--explain', '--vault-password-file', 'password')
  assert.doesNotMatch(explained.stdout, new RegExp(PLAIN))
})
