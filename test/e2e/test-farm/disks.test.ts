/** Machines whose disks and firmware ask for external snapshots, of which ansible_farm broke those with two disks and refused the others. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertExit, eventsOf, failures, type Run } from '../farm.ts'
import { Field, machines, phases, trace } from './field.ts'

/** `two` has two disks and UEFI, `raw` one disk that is no qcow2. */
const MACHINES = ['two', 'raw'] as const

/** What the second disk of `two` held before main wrote to it. */
function secondDisk(run: Run): string | undefined {
  return eventsOf(run, 'output').filter(({ host, line }) => host === 'two' && line.startsWith('second disk: ')).at(-1)?.line.slice(13)
}

describe('disks and firmware that internal snapshots cannot keep', () => {
  let field: Field
  before(async () => {
    field = await Field.create({
      hosts: ['lynx'],
      platforms: { bookworm: { amd64: {} } },
      config: [
        '{ list: [',
        '{ platform: bookworm, target: amd64, name: two, vcpus: 2, firmware: efi, disks: [{ size: 2G }, { size: 64M }] },',
        '{ platform: bookworm, target: amd64, name: raw, disks: [{ format: raw, size: 2G }] }',
        '] }',
      ].join(' '),
      vms: ['project_id: proj'],
    })
    field.phase('init', 'if [ "$(hostname)" = two ]; then printf init | dd of=/dev/vdb conv=notrunc,fsync status=none; fi')
    field.phase('main', 'if [ "$(hostname)" = two ]; then echo "second disk: $(head -c 4 /dev/vdb)"; printf main | dd of=/dev/vdb conv=notrunc,fsync status=none; fi')
  })
  after(() => field?.[Symbol.asyncDispose]())

  it('refuses internal snapshots that were asked for before it makes anything, and says why', async () => {
    const run = await field.test('-e', 'snapshot_type=internal')
    assertExit(run, 65)
    const said = failures(run).map(({ message }) => message)
    assert.ok(said.some((message) => /raw cannot have internal snapshots: disk vda is raw/.test(message)), said.join('\n'))
    assert.ok(said.some((message) => /two cannot have internal snapshots: its firmware is flash memory/.test(message)), said.join('\n'))
    assert.equal((await field.lab.host('lynx').must('virsh -q list --all --name')).trim(), '')
    assert.deepEqual(await field.files('lynx'), [])
  })

  it('chooses external ones by itself and takes every machine through its life', async () => {
    const run = await field.test()
    assertExit(run, 0)
    assert.equal(machines(run).length, 2)
    for (const machine of MACHINES) {
      assert.deepEqual(phases(run, machine), ['dependencies', 'init', 'main', 'terminate'], machine)
      assert.deepEqual(await field.snapshots('lynx', machine), ['clean', 'proj.0.init'])
      assert.match(await field.lab.host('lynx').must(`virsh -q snapshot-list ${machine} --external --name`), /proj\.0\.init/, machine)
    }
    assert.equal(secondDisk(run), 'init')
  })

  it('goes back to init with all disks, again and again, and leaves no files behind', async () => {
    const counts: number[] = []
    for (const round of [MACHINES, ['two']]) {
      const run = await field.test('--limit', round.join(','))
      assertExit(run, 0)
      for (const machine of round) {
        assert.deepEqual(phases(run, machine), ['main', 'terminate'], machine)
        assert.equal(trace(run, machine), 'dependencies init main terminate', machine)
      }
      assert.equal(secondDisk(run), 'init', 'the second disk stayed as main had left it')
      counts.push((await field.files('lynx')).length)
    }
    assert.equal(counts[0], counts[1])
  })

  it('gives machines the CPUs that were asked for, ACPI, a network card, and no graphics', async () => {
    for (const [machine, cpus] of [['two', 2], ['raw', 1]] as const) {
      const document = await field.lab.host('lynx').must(`virsh dumpxml ${machine}`)
      assert.match(document, new RegExp(`<vcpu [^>]*>${cpus}</vcpu>`), machine)
      assert.match(document, /<acpi\/>/)
      assert.doesNotMatch(document, /<graphics|<video|spice/)
      assert.match(document, /virtio-net-pci|<interface /)
    }
    assert.match(await field.lab.host('lynx').must('virsh dumpxml two'), /<os firmware='efi'>/)
    assert.ok((await field.files('lynx')).includes('two.nvram.fd'), 'no firmware has ever written its variables')
  })

  it('removes the machines with every overlay and the variables of their firmware', async () => {
    assertExit(await field.farm('run', 'remove-test-farm', '-i', 'hosts.yaml', '--yes'), 0)
    assert.equal((await field.lab.host('lynx').must('virsh -q list --all --name')).trim(), '')
    assert.deepEqual(await field.files('lynx'), [])
  })
})
