/** What real libvirt 9.0 does with snapshots is tested in test/e2e/snapshots.test.ts; what newer ones are asked for, here, since they do not run here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TaskError } from '../../../src/errors.ts'
import type { Host, Shell } from '../../../src/host/index.ts'
import type { Domain } from '../../../src/hypervisor/domains.ts'
import { explained } from '../../../src/hypervisor/snapshots-errors.ts'
import { isOverlayOf, overlayPath } from '../../../src/hypervisor/snapshots-overlays.ts'
import { snapshotDocument, subtree, toSnapshot, type Snapshot } from '../../../src/hypervisor/snapshots-record.ts'
import { Snapshots } from '../../../src/hypervisor/snapshots.ts'
import type { Virsh } from '../../../src/hypervisor/virsh.ts'
import { find, parseXml } from '../../../src/hypervisor/xml.ts'

const UUID = '7f8e77be-0000-5000-8000-000000000000'
const domain = { name: 'boreas', uuid: UUID, document: parseXml('<domain/>') } as unknown as Domain

const CLEAN = `<domainsnapshot><name>clean</name><description>{"farm":1,"inputs":{"hash":"x"}}</description><state>disk-snapshot</state><creationTime>1700000000</creationTime>
<memory snapshot='no'/><disks><disk name='vda' snapshot='external' type='file'><driver type='qcow2'/><source file='/p/boreas.clean'/></disk></disks>
<domain><devices><disk type='file'><driver type='qcow2'/><source file='/p/boreas.qcow2'/><target dev='vda'/></disk></devices></domain></domainsnapshot>`
const INSIDE = CLEAN.replace('<name>clean', '<name>inside').replace("snapshot='external' type='file'", "snapshot='internal'").replace('disk-snapshot', 'running')

/** A libvirt of that version with these snapshots; `done` tells what was changed through it. */
function libvirt(version: string, documents: readonly string[], refuses?: string): { readonly snapshots: Snapshots; readonly done: string[]; check: boolean } {
  const done: string[] = []
  const self = { check: false }
  const empty = { exitCode: 0, stdout: '', stderr: '' }
  const nothing = ((first: unknown) => (Array.isArray(first) ? Promise.resolve(empty) : () => Promise.resolve(empty))) as unknown as Shell
  const answer = ([verb, , , name]: readonly string[]): string | undefined => {
    if (verb === 'snapshot-list') return documents.map((text) => find(parseXml(text), 'name')?.text).join('\n')
    if (verb === 'snapshot-dumpxml') return documents.find((text) => find(parseXml(text), 'name')?.text === name)
    return verb === 'domstate' ? 'running' : undefined
  }
  const host = {
    name: 'anemoi',
    query: nothing,
    change: async (_change: unknown, run: ($: Shell) => Promise<unknown>) => {
      if (!self.check) await run(nothing)
      return !self.check
    },
  } as unknown as Host
  const virsh = {
    uri: 'qemu:///system',
    host,
    version: () => Promise.resolve({ version }),
    ask: (questions: readonly (readonly string[])[]) => Promise.resolve(questions.map(answer)),
    apply: async (_$: Shell, commands: readonly (readonly string[])[]) => {
      for (const words of commands) {
        if (refuses !== undefined && words[0] === 'snapshot-revert') throw new TaskError('libvirt-refused', `virsh snapshot-revert: ${refuses}`)
        done.push(words.filter((word) => word !== UUID).join(' '))
      }
    },
  } as unknown as Virsh
  return Object.assign(self, { snapshots: new Snapshots(virsh), done })
}

test('libvirt that goes back to external snapshots by itself is let do so, after the power was cut', async () => {
  const { snapshots, done } = libvirt('9.9.0', [CLEAN])
  assert.deepEqual(await snapshots.restore(domain, 'clean'), { running: false, how: 'native' })
  assert.deepEqual(done, ['destroy', 'managedsave-remove', 'snapshot-revert --snapshotname clean'])
})

test('an external snapshot that newer libvirt does not understand is restored by hand; other trouble is an error', async () => {
  const { snapshots, done } = libvirt('10.0.0', [CLEAN], 'Operation not supported: revert to external snapshot')
  assert.deepEqual(await snapshots.restore(domain, 'clean'), { running: false, how: 'by hand' })
  assert.deepEqual(done, ['destroy', 'managedsave-remove', 'destroy', 'managedsave-remove', 'define /dev/stdin', 'snapshot-create /dev/stdin --redefine --current'])
  await assert.rejects(libvirt('10.0.0', [CLEAN], 'No space left on device').snapshots.restore(domain, 'clean'), { code: 'snapshot-failed', exitCode: 69 })
})

test('memory in a file of its own comes back only by libvirt itself', async () => {
  const whole = CLEAN.replace("<memory snapshot='no'/>", "<memory snapshot='external' file='/p/boreas.ram'/>").replace('disk-snapshot', 'running')
  const newer = libvirt('9.9.0', [whole])
  assert.deepEqual(await newer.snapshots.restore(domain, 'clean'), { running: true, how: 'native' })
  const older = libvirt('9.0.0', [whole])
  await assert.rejects(older.snapshots.restore(domain, 'clean'), { code: 'snapshot-broken', message: /only from version 9\.9 on/ })
  assert.deepEqual(older.done, [])
})

test('in check mode nothing is done, and the answer is what would be', async () => {
  for (const version of ['9.0.0', '10.0.0']) {
    const stand = libvirt(version, [CLEAN])
    stand.check = true
    assert.equal((await stand.snapshots.restore(domain, 'clean')).running, false)
    await stand.snapshots.create(domain, 'another', { kind: 'internal' })
    await stand.snapshots.remove(domain, 'clean', { children: true })
    assert.deepEqual(stand.done, [])
  }
})

test('an internal snapshot on whose file an external one stands is not restored: libvirt would destroy the other', async () => {
  const { snapshots, done } = libvirt('9.0.0', [INSIDE, CLEAN])
  await assert.rejects(snapshots.restore(domain, 'inside'), { code: 'snapshot-shared', exitCode: 65, message: /would destroy the external snapshot clean/ })
  assert.deepEqual(done, [])
})

test('what farm writes into a snapshot comes back as it was, whatever it holds; what others wrote is nobody\'s', () => {
  fc.assert(fc.property(fc.string(), fc.jsonValue(), (name, inputs) => {
    const text = snapshotDocument(`n${name.replace(/[^ -~]/g, '')}n`, [], inputs)
    const { own, inputs: back } = toSnapshot(text, undefined)
    assert.equal(own, true)
    assert.deepEqual(back, JSON.parse(JSON.stringify(inputs)))
  }))
  for (const description of ['', 'before the upgrade', '{}', '{"farm":1', '{"farm":2}', 'null']) {
    const { own, inputs } = toSnapshot(CLEAN.replace(/\{"farm.*\}\}/, description), undefined)
    assert.deepEqual([own, inputs], [false, undefined], description)
  }
})

test('overlays of one machine are never taken for another\'s, though the names begin alike', () => {
  const owner = { name: 'a', uuid: '11111111-0' }
  const other = { name: 'a.vda', uuid: '22222222-0' }
  const [mine, theirs] = [overlayPath(owner, 'vda', 'my first: "clean"/one', '/p/a.qcow2'), overlayPath(other, 'vda', 'clean', '/p/a.vda.qcow2')]
  assert.match(mine, /^\/p\/a\.vda\.my_first_clean_one\.11111111-[0-9a-f]{8}\.qcow2$/)
  assert.notEqual(mine, overlayPath(owner, 'vda', 'my first: "clean"/one', '/p/a.qcow2'))
  assert.deepEqual([isOverlayOf(owner, mine), isOverlayOf(owner, theirs), isOverlayOf(other, theirs), isOverlayOf(other, mine)], [true, false, true, false])
  assert.equal(isOverlayOf(owner, '/p/a.qcow2'), false)
  const long = { name: 'n'.repeat(200), uuid: UUID }
  assert.ok(overlayPath(long, 'vda', 's'.repeat(200), '/p/x').length <= 3 + 255)
})

test('a branch of snapshots is listed with parents before their children', () => {
  const named = (name: string, parent?: string): Snapshot => ({ name, parent }) as Snapshot
  const all = [named('r0', 'clean'), named('clean'), named('deep', 'r0'), named('r1', 'clean'), named('other')]
  assert.deepEqual(subtree(all, 'clean').map(({ name }) => name), ['clean', 'r0', 'r1', 'deep'])
  assert.deepEqual(subtree(all, 'r0').map(({ name }) => name), ['r0', 'deep'])
})

test('libvirt\'s complaints become sentences with advice and the right exit code', () => {
  for (const [text, message, exitCode] of [
    ['error: Operation not supported: internal snapshots of a VM with pflash based firmware are not supported', /flash memory/, 2],
    ['error: unsupported configuration: internal snapshot for disk vda unsupported for storage type raw', /disk vda is not qcow2/, 2],
    ["error: internal error: unable to execute QEMU command: Failed to get \"write\" lock", /another process uses a disk/, 75],
    ["error: internal error: Could not create file: No space left on device", /is full/, 69],
    ['error: something nobody has seen before', /nobody has seen before/, 2],
  ] as const) {
    const error = explained(new TaskError('libvirt-refused', 'virsh snapshot-create: …', { host: 'anemoi', details: [text] }), 'take snapshot clean of machine boreas') as TaskError
    assert.match(`${error.message} ${error.details.join()}`, message)
    assert.match(error.message, /^cannot take snapshot clean of machine boreas/)
    assert.deepEqual([error.exitCode, error.host, error.code], [exitCode, 'anemoi', 'snapshot-failed'])
  }
  const other = new Error('x')
  assert.equal(explained(other, 'x'), other)
})
