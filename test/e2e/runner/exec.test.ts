import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Stage } from './stage.ts'

let stage: Stage
before(async () => void (stage = await Stage.create(['web1', 'web2', 'db1'])))
after(() => stage.close())

const exec = (...args: readonly string[]): ReturnType<Stage['run']> => stage.run('exec', '-i', 'hosts.ini', ...args)

test('a command runs on all hosts of a pattern, each line under the name of its host, with a summary', async () => {
  const { code, stdout, stderr } = await exec('web*', '--', 'echo hello; echo $((6 * 7))')
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n').map((line) => line.replace(/\s+/g, ' ')).toSorted(), ['[web1] 42', '[web1] hello', '[web2] 42', '[web2] hello'].toSorted())
  assert.match(stderr, /ok 2/)
})

test('several words arrive as they are', async () => {
  const { stdout } = await exec('db1', '--', 'printf', '%s|', 'a b', '$HOME', "it's")
  assert.match(stdout, /a b\|\$HOME\|it's\|/)
})

test('a command that fails somewhere ends with 2 and says where and how', async () => {
  const { code, stderr } = await exec('all', '--', 'test $(( $(cat /proc/$$/stat | cut -d" " -f1) )) -lt 0 || exit 7')
  assert.equal(code, 2)
  assert.match(stderr, /exit code 7/)
})

test('a host that cannot be reached ends with 4, and the others are asked all the same', async () => {
  stage.write('gone.ini', 'gone ansible_host=127.0.0.1 ansible_port=1\n')
  const { code, stdout } = await stage.run('exec', '-i', 'hosts.ini', '-i', 'gone.ini', 'all', '--', 'echo here')
  assert.equal(code, 4)
  assert.equal(stdout.split('here').length, 4)
})

test('a check says what would run and runs nothing', async () => {
  const { code, stdout, stderr } = await exec('db1', '--check', '--', 'echo hello')
  assert.equal(code, 3)
  assert.doesNotMatch(stdout, /^\[db1\] hello/m)
  assert.match(stdout + stderr, /echo hello/)
})

test('without a command, or with an unknown host, nothing runs', async () => {
  assert.equal((await exec('all')).code, 64)
  assert.equal((await exec('nowhere', '--', 'true')).code, 65)
})
