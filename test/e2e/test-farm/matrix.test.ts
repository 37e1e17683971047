import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertExit, eventsOf } from '../farm.ts'
import { Field, machines, phases, trace } from './field.ts'

describe('a matrix of two platforms and two architectures on two hypervisors', () => {
  let field: Field
  before(async () => {
    field = await Field.create({
      hosts: ['lynx', 'otter'],
      without: { lynx: ['qemu-system-aarch64'] },
      platforms: { bookworm: { amd64: {}, arm64: { arch: 'arm64' } }, plain: { amd64: { packages: ['less'] } } },
      config: '{ permutations: { platforms: [bookworm, plain], targets: [amd64] }, list: [{ platform: bookworm, target: arm64 }] }',
    })
  })
  after(() => field?.[Symbol.asyncDispose]())

  it('places each machine where its emulator is, and the others evenly', async () => {
    const run = await field.farm('dispatch', '-i', 'hosts.yaml', '--json')
    assertExit(run, 0)
    assert.match(run.stdout, /bookworm_arm64/)
  })

  it('boots all three, takes them through all phases and off again', async () => {
    const run = await field.test('--junit', 'out/junit.xml')
    assertExit(run, 0)
    assert.deepEqual(machines(run).map(({ machine, result }) => `${machine} ${result}`).sort(), ['bookworm_amd64 passed', 'bookworm_arm64 passed', 'plain_amd64 passed'])
    assert.equal(machines(run).find(({ machine }) => machine === 'bookworm_arm64')?.hypervisor, 'otter')
    for (const { machine, hypervisor = '' } of machines(run)) {
      assert.deepEqual(phases(run, machine), ['dependencies', 'init', 'main', 'terminate'], machine)
      assert.equal(await field.state(hypervisor, machine), 'shut off')
      assert.deepEqual(await field.snapshots(hypervisor, machine), ['clean', 'greet.0.init'])
    }
  })

  it('starts from the init snapshots the second time', async () => {
    const run = await field.test()
    assertExit(run, 0)
    for (const { machine, from } of machines(run)) {
      assert.equal(from, 'init')
      assert.deepEqual(phases(run, machine), ['main', 'terminate'])
      assert.equal(trace(run, machine), 'dependencies init main terminate')
    }
  })

  it('says which phase file has changed the third time, and goes back to the clean machine', async () => {
    field.phase('init', 'echo changed >>/root/trace')
    const run = await field.test()
    assertExit(run, 0)
    for (const { machine, hypervisor = '' } of machines(run)) {
      assert.deepEqual(phases(run, machine), ['dependencies', 'init', 'main', 'terminate'])
      assert.equal(trace(run, machine), 'dependencies init changed main terminate')
      assert.deepEqual(await field.snapshots(hypervisor, machine), ['clean', 'greet.0.init'])
    }
    assert.ok(eventsOf(run, 'task-end').some(({ message }) => message?.includes('phases/greet/init.sh has changed')), 'nothing says what has changed')
  })
})
