import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseKind, revertsExternal, snapshotBase, type WantedKind } from '../../../src/hypervisor/snapshots-kind.ts'
import type { SnapshotKind } from '../../../src/hypervisor/snapshots-record.ts'
import { parseXml } from '../../../src/hypervisor/xml.ts'

const QCOW2 = '<disk type="file" device="disk"><driver type="qcow2"/><source file="/p/m.qcow2"/><target dev="vda"/></disk>'
const RAW = '<disk type="file" device="disk"><driver type="raw"/><source file="/p/m.raw"/><target dev="vdb"/></disk>'
const SEED = '<disk type="file" device="disk" snapshot="no"><driver type="raw"/><source file="/p/m.seed.iso"/><target dev="vdc"/><readonly/></disk>'
const EMPTY = '<disk type="file" device="cdrom"><driver type="raw"/><target dev="sda"/><readonly/></disk>'
const SCRATCH = '<disk type="file" device="disk" snapshot="no"><driver type="qcow2"/><source file="/p/m.scratch"/><target dev="vdd"/></disk>'
const BLOCK = '<disk type="block" device="disk"><driver type="raw"/><source dev="/dev/sdx"/><target dev="vde"/></disk>'
const FLASH = '<loader type="pflash">/code.fd</loader>'

function choose(disks: string, { wanted = 'auto' as WantedKind, version = '9.0.0', os = '', osAttributes = '', existing = [] as { name: string; kind: SnapshotKind }[] } = {}): { kind: string; reason: string } {
  return chooseKind(snapshotBase(parseXml(`<domain><os${osAttributes}>${os}<type>hvm</type></os><devices>${disks}</devices></domain>`)), wanted, version, existing, 'boreas', 'anemoi')
}

test('snapshots lie inside the disks where all that can be written to are qcow2, whatever else is attached read-only', () => {
  assert.equal(choose(QCOW2 + SEED + EMPTY).kind, 'internal')
})

test('a raw disk, and flash memory with firmware, make snapshots external, and the reason names them', () => {
  assert.match(choose(QCOW2 + RAW).reason, /disk vdb is raw/)
  for (const os of [{ os: FLASH }, { os: '<nvram>/v.fd</nvram>' }, { osAttributes: ' firmware="efi"' }]) {
    const { kind, reason } = choose(QCOW2, os)
    assert.equal(kind, 'external')
    assert.match(reason, /UEFI.*libvirt 9\.0\.0/)
  }
})

test('newer libvirt keeps UEFI inside snapshots when its variables are qcow2; 10.9 could take but not restore them', () => {
  const os = `${FLASH}<nvram format="qcow2">/v.qcow2</nvram>`
  assert.equal(choose(QCOW2, { os, version: '10.9.0' }).kind, 'external')
  assert.equal(choose(QCOW2, { os, version: '10.10.0' }).kind, 'internal')
  assert.equal(choose(QCOW2, { os, version: '12.0.0' }).kind, 'internal')
  assert.match(choose(QCOW2, { os: FLASH, version: '12.0.0' }).reason, /variables are raw/)
})

test('a kind that is impossible is refused as bad input with the reason', () => {
  for (const [disks, wanted, why] of [[RAW, 'internal', /disk vdb is raw/], [QCOW2 + BLOCK, 'external', /disk vde is no file \(block\)/], [QCOW2 + SCRATCH, 'internal', /disk vdd.*left out/], [SEED, 'external', /no disk that can be written/], [BLOCK, 'auto', /vde is raw.*no file/]] as const) {
    assert.throws(() => choose(disks, { wanted }), { code: 'snapshot-kind', exitCode: 65, host: 'anemoi', message: why })
  }
})

test('a machine keeps to one kind of snapshots', () => {
  const existing = [{ name: 'clean', kind: 'external' as const }]
  assert.deepEqual(choose(QCOW2, { existing }), { kind: 'external', reason: 'its snapshot clean is external' })
  assert.throws(() => choose(QCOW2, { existing, wanted: 'internal' }), { code: 'snapshot-kind', message: /snapshot clean is external/ })
  assert.throws(() => choose(RAW, { existing: [{ name: 'clean', kind: 'internal' }] }), { code: 'snapshot-kind', message: /disk vdb is raw/ })
})

test('libvirt goes back to external snapshots by itself from 9.9.0 on', () => {
  assert.deepEqual(['9.0.0', '9.8.0', '9.9.0', '9.10.0', '10.0.0', '0'].map(revertsExternal), [false, false, true, true, true, false])
})
