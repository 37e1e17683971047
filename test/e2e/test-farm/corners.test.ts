/** Where a machine's life leaves the straight path: check mode, steps that are not allowed, snapshots that cannot be restored, two farms at once. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertExit, eventsOf, failures, type Run } from '../farm.ts'
import { Field, machines, phases, trace } from './field.ts'

const MACHINE = 'bookworm_amd64'

/** What a run in check mode would have done to the machine. */
function planned(run: Run): string[] {
  const changes = eventsOf(run, 'change')
  assert.ok(changes.every(({ applied }) => !applied))
  return changes.filter(({ host }) => host === MACHINE).map(({ task }) => task)
}

describe('corners of a machine\'s life', () => {
  let field: Field
  before(async () => {
    field = await Field.create({ hosts: ['lynx'], platforms: { bookworm: { amd64: {} } }, config: '{ list: [{ platform: bookworm, target: amd64 }] }', vms: ['project_id: proj'] })
  })
  after(() => field?.[Symbol.asyncDispose]())

  it('are shown by check mode to their end before there is any machine, and nothing is made', async () => {
    const run = await field.test('--check')
    assertExit(run, 3)
    assert.deepEqual([...new Set(planned(run))], ['get the image', 'make the machine', 'startup', 'create clean', 'dependencies', 'init', 'create init', 'main', 'terminate'])
    assert.deepEqual(machines(run).map(({ result }) => result), ['passed'])
    assert.equal((await field.lab.host('lynx').must('virsh -q list --all --name')).trim(), '')
    assert.deepEqual(await field.files('lynx'), [])
  })

  it('keep a machine running whose terminate has taken shutdown away', async () => {
    field.write('phases/greet/terminate.ts', "import { phase } from 'farm'\nexport default phase(({ setVariables }) => setVariables({ allowed_phases: ['main', 'terminate'] }))\n")
    await field.lab.controller(['rm', 'phases/greet/terminate.sh'], { cwd: field.dir })
    assertExit(await field.test(), 0)
    assert.equal(await field.state('lynx', MACHINE), 'running')
    await field.lab.controller(['rm', 'phases/greet/terminate.ts'], { cwd: field.dir })
    assertExit(await field.test('--phases', 'shutdown'), 0)
    assert.equal(await field.state('lynx', MACHINE), 'shut off')
    assertExit(await field.test('--phases', 'shutdown'), 0)
  })

  it('are shown by check mode when the machine is off, and when it would be made anew', async () => {
    const again = await field.test('--check')
    assertExit(again, 3)
    assert.deepEqual(planned(again), ['restore init', 'main'])
    const anew = await field.test('--check', '--recreate', '-e', 'snapshot_errors=fail')
    assertExit(anew, 3)
    assert.deepEqual([...new Set(planned(anew))], ['make the machine', 'startup', 'create clean', 'dependencies', 'init', 'create init', 'main'])
    assert.deepEqual(await field.snapshots('lynx', MACHINE), ['clean', 'proj.0.init'])
  })

  it('need no startup when a snapshot brings the machine back running', async () => {
    const run = await field.test('--phases', 'restore init,main,shutdown')
    assertExit(run, 0)
    assert.deepEqual(phases(run, MACHINE), ['main'])
  })

  it('end at once with the reason when a phase is to run in a machine that is off and may not be started', async () => {
    const run = await field.test('--phases', 'main')
    assertExit(run, 2)
    assert.match(failures(run).map(({ message }) => message).join(), /is off, and startup is not among allowed_phases: main cannot run in it/)
  })

  it('end at once when the guest powers itself off, and tell of it', async () => {
    field.phase('main', '(sleep 1; poweroff -f || echo o >/proc/sysrq-trigger) >/dev/null 2>&1 & sleep 30')
    const began = performance.now()
    assertExit(await field.test(), 4)
    assert.ok(performance.now() - began < 60_000)
    field.phase('main')
  })

  it('fail on an init that cannot be restored, or go on from clean where that is wished', async () => {
    await field.lab.host('lynx').must(`qemu-img snapshot -d proj.0.init /var/lib/libvirt/images/test-farm/${MACHINE}.vda.qcow2`)
    assertExit(await field.test(), 2)
    const run = await field.test('-e', 'snapshot_errors=continue')
    assertExit(run, 0)
    assert.deepEqual(phases(run, MACHINE), ['dependencies', 'init', 'main'])
    assert.equal(trace(run, MACHINE), 'dependencies init main')
    assert.equal(machines(run)[0]?.from, 'clean')
    const next = await field.test()
    assertExit(next, 0)
    assert.equal(machines(next)[0]?.from, 'init')
  })

  it('keep a machine from being removed while another farm takes it through its life', async () => {
    field.phase('main', 'while [ ! -e /root/go ]; do sleep 0.2; done')
    const first = field.start()
    await first.reached((event) => event.type === 'task-start' && event.task === 'main')
    const removal = await field.farm('run', 'remove-test-farm', '-i', 'hosts.yaml', '--yes')
    assertExit(removal, 75)
    assertExit(await field.farm('ssh', '-i', 'hosts.yaml', MACHINE, 'touch /root/go'), 0)
    assertExit(await first.end(), 0)
  })
})
