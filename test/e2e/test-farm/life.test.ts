/** What ansible_farm does with one machine over several runs, as its appendix of observed scenarios has it, and what it got wrong there. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertExit, eventsOf, failures } from '../farm.ts'
import { Field, machines, phases, trace } from './field.ts'

const MACHINE = 'bookworm_amd64'

describe('the life of a machine over several runs', () => {
  let field: Field
  before(async () => {
    field = await Field.create({ hosts: ['lynx'], platforms: { bookworm: { amd64: {} } }, config: '{ list: [{ platform: bookworm, target: amd64 }] }', vms: ['project_id: proj'] })
  })
  after(() => field?.[Symbol.asyncDispose]())

  describe('with internal snapshots', () => {
    it('runs dependencies, init, main and terminate the first time, and keeps clean and init', async () => {
      const run = await field.test()
      assertExit(run, 0)
      assert.deepEqual(phases(run, MACHINE), ['dependencies', 'init', 'main', 'terminate'])
      assert.deepEqual(await field.snapshots('lynx', MACHINE), ['clean', 'proj.0.init'])
    })

    it('runs main and terminate alone the second time', async () => {
      const run = await field.test()
      assertExit(run, 0)
      assert.deepEqual(phases(run, MACHINE), ['main', 'terminate'])
      assert.equal(trace(run, MACHINE), 'dependencies init main terminate')
    })

    it('runs terminate after a main that fails, tells it why, powers off and exits with 2', async () => {
      field.phase('main', 'echo "it is broken" >&2; exit 7')
      field.write('phases/greet/terminate.sh', '#!/bin/sh\necho "trace: $FARM_STATUS $FARM_ERROR"\n')
      const run = await field.test()
      assertExit(run, 2)
      assert.deepEqual(phases(run, MACHINE), ['main!', 'terminate'])
      assert.match(trace(run, MACHINE), /^failed .*exit code 7/)
      assert.equal(await field.state('lynx', MACHINE), 'shut off')
      assert.deepEqual(machines(run).map(({ result, step }) => [result, step]), [['failed', 'main']])
      field.phase('main')
      field.phase('terminate')
    })

    it('runs no main and keeps no snapshot when the init of a new revision fails', async () => {
      field.phase('init', 'exit 1')
      const run = await field.test('-e', 'project_revision=1')
      assertExit(run, 2)
      assert.deepEqual(phases(run, MACHINE), ['dependencies', 'init!', 'terminate'])
      assert.deepEqual(await field.snapshots('lynx', MACHINE), ['clean', 'proj.0.init'])
      field.phase('init')
    })

    it('starts a new revision from clean, and keeps the init of both', async () => {
      const run = await field.test('-e', 'project_revision=1')
      assertExit(run, 0)
      assert.deepEqual(phases(run, MACHINE), ['dependencies', 'init', 'main', 'terminate'])
      assert.equal(trace(run, MACHINE), 'dependencies init main terminate')
      assert.deepEqual((await field.snapshots('lynx', MACHINE)).sort(), ['clean', 'proj.0.init', 'proj.1.init'])
    })

    it('runs main alone and leaves the machine running when only startup and main are allowed', async () => {
      const run = await field.test('--phases', 'startup,main')
      assertExit(run, 0)
      assert.deepEqual(phases(run, MACHINE), ['main'])
      assert.equal(await field.state('lynx', MACHINE), 'running')
      const off = await field.test('--phases', 'shutdown', '-e', 'wait_until_reachable=false')
      assertExit(off, 0)
      assert.equal(await field.state('lynx', MACHINE), 'shut off')
    })

    it('keeps a machine running whose phase failed when asked to, and says how to get in', async () => {
      field.phase('main', 'exit 3')
      const run = await field.test('--keep-on-fail')
      assertExit(run, 2)
      assert.equal(await field.state('lynx', MACHINE), 'running')
      assert.ok(eventsOf(run, 'result').some(({ lines }) => lines.some((line) => line.includes(`ssh`) && line.includes(MACHINE))))
      const inside = await field.farm('ssh', '-i', 'hosts.yaml', MACHINE, 'cat /root/trace')
      assertExit(inside, 0)
      assert.match(inside.stdout, /^dependencies\ninit\nmain\n/)
      field.phase('main')
    })

    it('is a machine like any other for the commands that show machines and lead into them', async () => {
      const status = await field.farm('status', '-i', 'hosts.yaml')
      assertExit(status, 0)
      assert.match(status.stdout, new RegExp(`${MACHINE} +lynx +test-farm +running +127\\.0\\.0\\.1:\\d+`))
      const config = await field.farm('ssh-config', '-i', 'hosts.yaml')
      assertExit(config, 0)
      const file = field.write('ssh.conf', config.stdout)
      const inside = await field.lab.controller(['ssh', '-F', file, MACHINE, 'hostname'])
      assert.equal(inside.stdout.trim(), 'bookworm-amd64', inside.stderr)
      const placed = await field.farm('dispatch', '-i', 'hosts.yaml', '--json')
      assertExit(placed, 0)
      const { machines: found } = JSON.parse(placed.stdout) as { readonly machines: readonly { readonly name: string; readonly hypervisor: string; readonly exists: boolean }[] }
      assert.deepEqual(found.map(({ name, hypervisor, exists }) => [name, hypervisor, exists]), [[MACHINE, 'lynx', true]])
      assertExit(await field.test('--phases', 'shutdown', '-e', 'wait_until_reachable=false'), 0)
      const off = await field.farm('ssh', '-i', 'hosts.yaml', MACHINE, 'true')
      assertExit(off, 75)
      assert.match(off.stderr, /is shut off[\s\S]*farm run test-farm --phases startup/)
    })

    it('refuses a step that does not exist before anything happens', async () => {
      const run = await field.test('--phases', 'startup,mian')
      assertExit(run, 65)
      assert.match(failures(run).map(({ message }) => message).join('\n'), /did you mean main/)
    })

    it('fails a second run of the same machine at once and says who is at work', async () => {
      field.phase('main', 'while [ ! -e /root/go ]; do sleep 0.2; done')
      const first = field.start()
      await first.reached((event) => event.type === 'task-start' && event.task === 'main')
      const second = await field.test()
      assertExit(second, 75)
      assert.match(failures(second).map(({ message }) => message).join('\n'), /another farm is at work on machine bookworm_amd64/)
      assertExit(await field.farm('ssh', '-i', 'hosts.yaml', MACHINE, 'touch /root/go'), 0)
      assertExit(await first.end(), 0)
      field.phase('main')
    })
  })

  describe('with external snapshots', () => {
    it('makes the machine anew for another kind of snapshots when asked to', async () => {
      const run = await field.test('--recreate', '-e', 'snapshot_type=external')
      assertExit(run, 0)
      assert.deepEqual(phases(run, MACHINE), ['dependencies', 'init', 'main', 'terminate'])
      assert.deepEqual(await field.snapshots('lynx', MACHINE), ['clean', 'proj.0.init'])
    })

    it('goes back to init through a reboot, again and again, without leaving files behind', async () => {
      const counts: number[] = []
      for (let round = 0; round < 2; round += 1) {
        const run = await field.test('-e', 'snapshot_type=external')
        assertExit(run, 0)
        assert.deepEqual(phases(run, MACHINE), ['main', 'terminate'])
        assert.equal(trace(run, MACHINE), 'dependencies init main terminate')
        counts.push((await field.files('lynx')).length)
      }
      assert.equal(counts[0], counts[1])
    })
  })

  it('removes everything that it has made', async () => {
    assertExit(await field.farm('run', 'remove-test-farm', '-i', 'hosts.yaml', '--yes'), 0)
    assert.equal((await field.lab.host('lynx').must('virsh -q list --all --name')).trim(), '')
    assert.deepEqual(await field.files('lynx'), [])
  })
})
