import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { connectOnWay, type Host } from '../../../src/host/index.ts'
import { block, task } from '../../../src/recipe/index.ts'
import { Rig, type Sshd } from '../host/rig.ts'
import { run, simple, Words } from './rig.ts'

/** A command whose connection ends while it runs. */
async function dies(host: Host, { pid }: Sshd): Promise<void> {
  const command = host.query`sleep 3`
  const sessions = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? []
  assert.ok(sessions.length > 0)
  for (const session of sessions) process.kill(Number(session), 'SIGKILL')
  await command
}

describe('a host behind another one', { timeout: 120_000 }, () => {
  const rig = new Rig()
  let near: Sshd
  let far: Sshd
  let inventory: string
  const line = (name: string, { spec, hostKey }: Sshd, more = ''): string => `${name} ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=${spec.port} ansible_user=root ansible_private_key_file=${rig.clientKey} farm_host_keys='${hostKey}' ${more}\n`
  before(async () => {
    near = await rig.sshd()
    far = await rig.sshd()
    inventory = line('hv', near) + line('vm', far, 'farm_via=hv') + line('inner', far, 'farm_via=vm')
  })
  after(() => rig.close())

  /** Which process of the SSH server serves this connection. */
  const server = (seen: string[]): ReturnType<typeof task<unknown>> => task<unknown>('server', async ({ host }) => void seen.push((await host.query`echo $PPID`).stdout.trim()))

  test('is reached through it, and through more of them, with the keys that the inventory names', async () => {
    for (const limit of ['vm', 'inner']) {
      const seen: string[] = []
      const { code } = await run(simple([server(seen)]), { hosts: inventory, limit })
      assert.deepEqual([code, seen.length], [0, 1])
    }
  })
  test('is not reached any other way', async () => {
    const { code, events } = await run(simple([server([])]), { hosts: inventory.replace(`ansible_port=${near.port}`, 'ansible_port=1'), limit: 'vm' })
    assert.equal(code, 4)
    assert.ok(events.some((event) => event.type === 'task-end' && event.failure?.host === 'hv'))
  })
  test('is dialled from here when it is behind this computer', async () => {
    const seen: string[] = []
    const { code } = await run(simple([server(seen)]), { hosts: line('vm', far, 'farm_via=localhost') })
    assert.deepEqual([code, seen.length], [0, 1])
  })
  test('with another key than the inventory names is refused', async () => {
    const { code, events } = await run(simple([server([])]), { hosts: inventory.replace(far.hostKey, near.hostKey), limit: 'vm' })
    assert.equal(code, 4)
    assert.ok(events.some((event) => event.type === 'task-end' && event.failure?.code === 'host-key-changed'))
  })
  test('that is behind itself is bad input, and the circle is named', async () => {
    const { code, events } = await run(simple([server([])]), { hosts: line('a', far, 'farm_via=b') + line('b', far, 'farm_via=c') + line('c', far, 'farm_via=b'), limit: 'a' })
    assert.equal(code, 65)
    assert.ok(events.some((event) => event.type === 'task-end' && /in a circle: b > c > b/.test(event.message ?? '')))
  })
  test('cannot have jump hosts of its own as well', async () => {
    const { code, events } = await run(simple([server([])]), { hosts: line('vm', far, 'farm_via=hv farm_jumps=x') + line('hv', near), limit: 'vm' })
    assert.equal(code, 65)
    assert.ok(events.some((event) => event.type === 'task-end' && /farm_via and farm_jumps/.test(event.message ?? '')))
  })
  test('is reached through it by commands that run no recipe', async () => {
    const vars = (port: number, more: Record<string, unknown>): Record<string, unknown> => ({ ansible_connection: 'ssh', ansible_host: '127.0.0.1', ansible_port: port, ansible_user: 'root', ansible_private_key_file: rig.clientKey, ...more })
    const known: Record<string, Record<string, unknown>> = { hv: vars(near.port, { farm_host_keys: [near.hostKey] }), vm: vars(far.port, { farm_host_keys: far.hostKey, farm_via: 'hv' }) }
    await using connection = await connectOnWay('vm', (name) => known[name] ?? {})
    assert.equal(connection.spec.via?.spec.name, 'hv')
  })

  test('is connected anew after a task has disconnected it', async () => {
    for (const disconnects of [false, true]) {
      const seen: string[] = []
      const revert = task<unknown>('revert', { delegateTo: 'hv' }, async ({ disconnect, inventoryHost }) => { if (disconnects) await disconnect(inventoryHost) })
      const { code } = await run(simple([server(seen), revert, server(seen)]), { hosts: inventory, limit: 'vm' })
      assert.deepEqual([code, seen.length, seen[0] === seen[1]], [0, 2, !disconnects])
    }
  })
  test('takes its lock anew after that', async () => {
    const seen: string[] = []
    const leave = task<unknown>('leave', async ({ disconnect }) => disconnect())
    const { code, events } = await run(simple([server(seen), leave, server(seen)], { lock: true }), { hosts: inventory, limit: 'vm' })
    assert.deepEqual([code, seen.length], [0, 2], JSON.stringify(events.filter(({ type }) => type === 'task-end')))
  })
  test('that goes away while it is worked on has what is always done elsewhere done for it, and nothing on itself', async () => {
    const words = new Words()
    const die = task<unknown>('die', (context) => dies(context.host, far))
    const steps = [block('outer', { tasks: [block('inner', { tasks: [die, words.task('main')], always: [words.task('terminate')] })], always: [words.task('sync'), task<unknown>('shutdown', { delegateTo: 'hv' }, ({ failure }) => void words.list.push(`shutdown:${failure?.code ?? ''}`))] })]
    const { code, events } = await run(simple(steps), { hosts: inventory, limit: 'vm' })
    const end = events.at(-1)
    assert.deepEqual([code, words.list, end?.type === 'run-end' && end.undone], [4, ['shutdown:connection-lost'], { vm: ['main', 'terminate', 'sync'] }])
  })
  test('cannot be worked on when the host before it has gone', async () => {
    const words = new Words()
    const die = task<unknown>('die', { delegateTo: 'hv' }, (context) => dies(context.host, near))
    const { code } = await run(simple([block('b', { tasks: [die], always: [words.task('on vm'), words.task('on hv', { delegateTo: 'hv' }), words.task('here', { delegateTo: 'localhost' })] })]), { hosts: inventory, limit: 'vm' })
    assert.deepEqual([code, words.text], [4, 'here'])
  })
})

test('a host on which nothing is done is not connected to, nor locked', async () => {
  const words = new Words()
  const { code } = await run(simple([words.task('one', { delegateTo: 'localhost' })], { lock: true }), { hosts: 'vm ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n' })
  assert.deepEqual([code, words.text], [0, 'one'])
})
