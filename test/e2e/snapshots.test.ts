/** Snapshots of real machines under real libvirt. What a disk holds is written and read by qemu-io while the machine is off. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Host, Shell } from '../../src/host/index.ts'
import type { Domain, Hypervisor } from '../../src/hypervisor/index.ts'
import { Lab, until, type LabHost } from '../lab/index.ts'
import { hypervisorOf, POOL, prepareTiny, ticks, tinyDomain, type TinyOptions } from './tiny-guest.ts'

describe('snapshots of machines', () => {
  let lab: Lab
  let host: LabHost
  let hypervisor: Hypervisor

  before(async () => {
    lab = await Lab.create({ hosts: ['anemoi'] })
    host = lab.host('anemoi')
    await prepareTiny(host)
    hypervisor = hypervisorOf(host)
  })
  after(() => lab?.[Symbol.asyncDispose]())

  async function define(name: string, options: TinyOptions): Promise<void> {
    for (const { file, format = 'qcow2' } of options.disks) await host.must(`[ -e '${file}' ] || qemu-img create -q -f ${format} '${file}' 4M`)
    await host.must('cat >/tmp/d.xml; virsh -q define /tmp/d.xml', { input: tinyDomain(name, options) })
    hypervisor.forget()
  }

  const machine = async (name: string): Promise<Domain> => {
    hypervisor.forget()
    const found = (await hypervisor.domains.list()).get(name)
    assert.ok(found, name)
    return found
  }

  /** The file that a disk is in now. */
  const fileOf = async (name: string, device: string): Promise<string> => {
    const rows = (await host.must(`virsh -q domblklist '${name}' --inactive`)).split('\n')
    return rows.map((row) => /^\s*(\S+)\s+(.*)$/.exec(row)).find((match) => match?.[1] === device)?.[2]?.trim() ?? ''
  }

  /** Writes one byte all over a disk's first block. */
  async function write(name: string, device: string, byte: number): Promise<void> {
    const file = await fileOf(name, device)
    const format = file.endsWith('.raw') ? 'raw' : 'qcow2'
    await host.must(`qemu-io -f ${format} -c 'write -P ${byte} 0 64k' '${file}'`)
  }

  /** The byte that stands there. */
  async function read(name: string, device: string): Promise<number> {
    const file = await fileOf(name, device)
    const text = await host.must(`qemu-io -f ${file.endsWith('.raw') ? 'raw' : 'qcow2'} -c 'read -v 0 16' '${file}'`)
    return Number.parseInt(/^00000000:\s+(\w\w)/m.exec(text)?.[1] ?? '', 16)
  }

  const files = async (name: string): Promise<string[]> => (await host.must(`ls ${POOL}`)).split('\n').filter((file) => file.startsWith(`${name}.`) && !file.endsWith('.log'))
  const names = async (name: string): Promise<string[]> => (await hypervisor.snapshots.list(await machine(name))).map((one) => `${one.parent ?? ''}>${one.name}${one.current ? '*' : ''}`)
  const starts = async (name: string): Promise<void> => void (await host.must(`virsh -q start '${name}' && virsh -q destroy '${name}'`))

  test('an internal snapshot of a running machine brings back memory and disks, whether it runs or is off', async () => {
    await define('boreas', { disks: [{ device: 'vda', file: `${POOL}/boreas.qcow2` }, { device: 'vdb', file: `${POOL}/boreas.b.qcow2` }, { device: 'vdc', file: `${POOL}/boreas.seed.iso`, format: 'raw', readonly: true, snapshot: false }] })
    await write('boreas', 'vda', 1)
    await write('boreas', 'vdb', 2)
    await host.must('virsh -q start boreas')
    await until('the guest counts', () => Promise.resolve(ticks(host, 'boreas') >= 2 ? true : undefined))
    const domain = await machine('boreas')
    const choice = await hypervisor.snapshots.kindFor(domain, 'auto')
    assert.equal(choice.kind, 'internal')
    const inputs = { hash: 'a<b>\'"&', files: {} }
    await hypervisor.snapshots.create(domain, 'my clean one', { kind: choice.kind, inputs })
    const taken = ticks(host, 'boreas')

    const [snapshot] = await hypervisor.snapshots.list(domain)
    assert.deepEqual({ ...snapshot, document: undefined, created: undefined }, { name: 'my clean one', kind: 'internal', parent: undefined, created: undefined, current: true, state: 'running', own: true, inputs, document: undefined })
    assert.ok(Math.abs(Date.now() - Date.parse(snapshot?.created ?? '')) < 60_000)
    await assert.rejects(hypervisor.snapshots.create(domain, 'my clean one', { kind: 'internal' }), { code: 'snapshot-exists' })

    await until('it counts on', () => Promise.resolve(ticks(host, 'boreas') > taken + 15 ? true : undefined))
    const before = ticks(host, 'boreas')
    assert.deepEqual(await hypervisor.snapshots.restore(domain, 'my clean one'), { running: true, how: 'internal' })
    await until('it counts again from there', () => Promise.resolve(ticks(host, 'boreas') < before ? true : undefined))

    await host.must('virsh -q destroy boreas')
    await write('boreas', 'vda', 11)
    await write('boreas', 'vdb', 12)
    await hypervisor.snapshots.restore(await machine('boreas'), 'my clean one')
    assert.equal((await machine('boreas')).state, 'running')
    const resumed = ticks(host, 'boreas')
    await until('it goes on counting', () => Promise.resolve(ticks(host, 'boreas') > resumed || ticks(host, 'boreas') < before ? true : undefined))
    await host.must('virsh -q destroy boreas')
    assert.deepEqual([await read('boreas', 'vda'), await read('boreas', 'vdb')], [1, 2])

    await hypervisor.snapshots.create(await machine('boreas'), 'init', { kind: 'internal', inputs })
    await hypervisor.snapshots.remove(await machine('boreas'), 'my clean one', { children: true })
    assert.deepEqual(await names('boreas'), [])
    assert.equal((await host.must(`qemu-img snapshot -l ${POOL}/boreas.qcow2`)).trim(), '')
  })

  test('a machine that was off when its internal snapshot was taken is off when it is back', async () => {
    await write('boreas', 'vda', 3)
    await hypervisor.snapshots.create(await machine('boreas'), 'cold', { kind: 'internal' })
    await host.must('virsh -q start boreas')
    assert.deepEqual(await hypervisor.snapshots.restore(await machine('boreas'), 'cold'), { running: false, how: 'internal' })
    assert.equal((await machine('boreas')).state, 'shut off')
    assert.equal(await read('boreas', 'vda'), 3)
    // Memory that was saved belongs to the disks as they were: it must not come back with those of then.
    await host.must('virsh -q start boreas && virsh -q managedsave boreas')
    await hypervisor.snapshots.restore(await machine('boreas'), 'cold')
    assert.match(await host.must('virsh -q dominfo boreas'), /Managed save:\s+no/)
    await assert.rejects(hypervisor.snapshots.restore(await machine('boreas'), 'nothing'), { code: 'no-snapshot', hint: 'it has cold' })
    await assert.rejects(hypervisor.snapshots.kindFor(await machine('boreas'), 'external'), { code: 'snapshot-kind', message: /its snapshot cold is internal/ })
  })

  test('UEFI and raw disks make snapshots external, and an internal one is refused before anything happens', async () => {
    const uefi = `<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram template='/usr/share/OVMF/OVMF_VARS.fd'>${POOL}/eurus.nvram</nvram>`
    await define('eurus', { os: uefi, disks: [{ device: 'vda', file: `${POOL}/eurus.qcow2` }] })
    await define('notus', { disks: [{ device: 'vda', file: `${POOL}/notus.raw`, format: 'raw' }] })
    for (const [name, why] of [['eurus', /flash memory \(UEFI\), and libvirt 9\.0\.0/], ['notus', /disk vda is raw/]] as const) {
      await assert.rejects(hypervisor.snapshots.kindFor(await machine(name), 'internal'), { code: 'snapshot-kind', exitCode: 65, message: why })
      assert.equal((await hypervisor.snapshots.kindFor(await machine(name), 'auto')).kind, 'external')
      await write(name, 'vda', 5)
      await hypervisor.snapshots.create(await machine(name), 'clean', { kind: 'external' })
      await write(name, 'vda', 6)
      assert.deepEqual(await hypervisor.snapshots.restore(await machine(name), 'clean'), { running: false, how: 'by hand' })
      assert.equal(await read(name, 'vda'), 5)
      await starts(name)
    }
    // What libvirt refuses by itself reaches people in words too.
    await assert.rejects(hypervisor.snapshots.create(await machine('eurus'), 'x', { kind: 'internal' }), { code: 'snapshot-failed', message: /flash memory/ })
  })

  test('external snapshots of two disks: back and forth between revisions, and no file is left over', async () => {
    await define('a', { disks: [{ device: 'vda', file: `${POOL}/a.qcow2` }, { device: 'vdb', file: `${POOL}/a.data.raw`, format: 'raw' }, { device: 'vdc', file: `${POOL}/a.seed.iso`, format: 'raw', readonly: true, snapshot: false }] })
    const both = async (byte: number): Promise<void> => { await write('a', 'vda', byte); await write('a', 'vdb', byte + 100) }
    const seen = async (): Promise<number[]> => [await read('a', 'vda'), await read('a', 'vdb')]
    await both(1)
    await host.must('virsh -q start a')
    await hypervisor.snapshots.create(await machine('a'), 'clean', { kind: 'external', inputs: { hash: '1' } })
    assert.equal((await hypervisor.snapshots.list(await machine('a')))[0]?.state, 'disk-snapshot')
    assert.equal((await machine('a')).state, 'running')
    await host.must('virsh -q destroy a')
    await both(2)
    await hypervisor.snapshots.create(await machine('a'), 'proj.0.init', { kind: 'external' })
    await both(3)
    assert.deepEqual(await names('a'), ['>clean', 'clean>proj.0.init*'])

    await host.must('virsh -q start a')
    await hypervisor.snapshots.restore(await machine('a'), 'clean')
    assert.deepEqual(await seen(), [1, 101])
    assert.deepEqual(await names('a'), ['>clean*', 'clean>proj.0.init'])
    await both(4)
    await hypervisor.snapshots.create(await machine('a'), 'proj.1.init', { kind: 'external' })
    await both(5)
    for (const [name, expected] of [['proj.0.init', [2, 102]], ['proj.1.init', [4, 104]], ['clean', [1, 101]], ['proj.0.init', [2, 102]]] as const) {
      await hypervisor.snapshots.restore(await machine('a'), name)
      assert.deepEqual(await seen(), expected, name)
      await starts('a')
      await both(77)
    }
    await hypervisor.snapshots.restore(await machine('a'), 'clean')
    const count = (await files('a')).length
    for (let turn = 0; turn < 10; turn += 1) await hypervisor.snapshots.restore(await machine('a'), 'clean')
    assert.equal((await files('a')).length, count, (await files('a')).join('\n'))
    assert.deepEqual(await names('a'), ['>clean*', 'clean>proj.0.init', 'clean>proj.1.init'])
    for (const file of await files('a')) assert.match(file, /^a\.(qcow2|data\.raw|seed\.iso|vd[ab]\..*\.[0-9a-f]{8}-[0-9a-f]{8}\.qcow2)$/)
  })

  test('a restore that is cut off after any of its steps leaves a machine that starts, and the next one cleans up', async () => {
    // Another machine whose name begins alike: none of its files may go.
    await define('a.vda', { disks: [{ device: 'vda', file: `${POOL}/a.vda.qcow2` }] })
    await hypervisor.snapshots.create(await machine('a.vda'), 'clean', { kind: 'external' })
    await host.must(`qemu-img create -q -f qcow2 ${POOL}/a.vda.vda.clean.00000000-00000000.qcow2 4M`)
    const others = (await files('a.vda')).filter((file) => file.includes('vda.vda') || file === 'a.vda.qcow2')

    await hypervisor.snapshots.restore(await machine('a'), 'clean')
    const whole = await files('a')
    let steps = 0
    for (let allowed = 0; ; allowed += 1) {
      await host.exec('virsh -q start a')
      await host.must('virsh -q domstate a | grep -q running')
      const cut = hypervisorOf(host, (inner) => cutOff(inner, allowed))
      const ended = await cut.snapshots.restore(await machine('a'), 'clean').then(() => true, (error: Error) => {
        assert.match(error.message, /cut off/)
        return false
      })
      await host.exec('virsh -q destroy a')
      await starts('a')
      await hypervisor.snapshots.restore(await machine('a'), 'clean')
      assert.deepEqual([await read('a', 'vda'), await read('a', 'vdb')], [1, 101], `after ${allowed} steps`)
      assert.equal((await files('a')).length, whole.length, `after ${allowed} steps`)
      assert.deepEqual(await names('a'), ['>clean*', 'clean>proj.0.init', 'clean>proj.1.init'])
      if (ended) {
        steps = allowed
        break
      }
    }
    assert.ok(steps >= 7, `${steps} steps`)
    for (const [name, expected] of [['proj.0.init', 2], ['proj.1.init', 4]] as const) {
      await hypervisor.snapshots.restore(await machine('a'), name)
      assert.equal(await read('a', 'vda'), expected)
    }
    const left = await files('a.vda')
    for (const file of others) assert.ok(left.includes(file), file)
  })

  test('removing a snapshot takes its branch along and leaves the disks of now alone; others\' snapshots stay', async () => {
    await hypervisor.snapshots.restore(await machine('a'), 'proj.1.init')
    await write('a', 'vda', 50)
    await hypervisor.snapshots.remove(await machine('a'), 'proj.1.init', { children: true })
    assert.deepEqual(await names('a'), ['>clean*', 'clean>proj.0.init'])
    assert.equal(await read('a', 'vda'), 50)
    await starts('a')

    await hypervisor.snapshots.restore(await machine('a'), 'clean')
    assert.equal(await read('a', 'vda'), 1)
    await hypervisor.snapshots.remove(await machine('a'), 'proj.0.init', { children: true })
    assert.deepEqual(await names('a'), ['>clean*'])
    // The machine's own four, and the overlays over the two that are frozen.
    assert.equal((await files('a')).filter((file) => !file.startsWith('a.vda.vda.') && file !== 'a.vda.qcow2').length, 5, (await files('a')).join('\n'))
    await host.must('virsh -q snapshot-create-as a theirs --disk-only --atomic')
    await assert.rejects(hypervisor.snapshots.remove(await machine('a'), 'clean', { children: true }), { code: 'foreign-object', message: /theirs/ })
    assert.deepEqual(await names('a'), ['>clean', 'clean>theirs*'])
  })

  test('a machine that goes takes all its overlays along, also those of an interrupted restore, and none of another\'s', async () => {
    const neighbour = (file: string): boolean => file === 'a.vda.qcow2' || file.startsWith('a.vda.vda.')
    const before = (await files('a')).filter(neighbour)
    await assert.rejects(hypervisorOf(host, (inner) => cutOff(inner, 3)).snapshots.restore(await machine('a'), 'clean'), /cut off/)
    await hypervisor.domains.remove(await machine('a'), 'tiny', { within: [POOL], shared: [], usedElsewhere: new Set() })
    assert.deepEqual(await files('a'), before)
    await starts('a.vda')
  })
})

/** A host whose `$` works so many times within changes, and then no more: as if farm had been killed there. */
function cutOff(host: Host, allowed: number): Host {
  let left = allowed
  const spend = (): void => {
    if (left === 0) throw new Error('cut off')
    left -= 1
  }
  const limited = ($: Shell): Shell => new Proxy($, {
    apply: (target, self, args: unknown[]) => {
      if (Array.isArray(args[0])) spend()
      const result: unknown = Reflect.apply(target, self, args)
      return typeof result === 'function' && !Array.isArray(args[0]) ? limited(result as Shell) : result
    },
  })
  return { ...host, change: (change, run) => host.change(change, ($) => run(limited($))) }
}
