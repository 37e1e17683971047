import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MatrixPlan } from '../../../src/cli/engine.ts'
import { farm } from './rig.ts'

const entry = { platform: 'debian_12', target: 'amd64', overrides: {} }
const PLAN = {
  machines: [{ name: 'debian_12_amd64', entry, definition: { login: { key: 'secret' } }, hypervisor: 'anemoi', virtType: 'qemu', reason: 'the least loaded of 2, emulated', exists: false, movedFrom: undefined }],
  unplaced: [{ machine: 'debian_12_s390x', entry: { ...entry, target: 's390x' }, lacks: { anemoi: ['no emulator for s390x', '8192 MiB wanted, 4000 MiB free'] } }],
  problems: [{ name: 'hera', problem: 'libvirt is not installed' }],
  notes: ['old_amd64 exists on anemoi, and no configuration asks for it any more'],
} as unknown as MatrixPlan
const answering = (plan: MatrixPlan): { dispatch: () => Promise<MatrixPlan> } => ({ dispatch: () => Promise.resolve(plan) })

test('dispatch shows where each machine goes, and why', async () => {
  const { code, out } = await farm(['dispatch'], answering({ ...PLAN, unplaced: [] }))
  assert.equal(code, 0)
  assert.match(out, /debian_12_amd64 +anemoi +emulated +the least loaded of 2, emulated/)
  assert.match(out, /Not considered:\n  hera  libvirt is not installed/)
  assert.match(out, /Note: old_amd64 exists on anemoi/)
})

test('dispatch exits with 69 when a machine fits nowhere, and says what each hypervisor lacks when asked', async () => {
  const plain = await farm(['dispatch'], answering(PLAN))
  assert.equal(plain.code, 69)
  assert.match(plain.out, /1 machine fits nowhere: debian_12_s390x   \(--explain says why\)/)
  assert.doesNotMatch(plain.out, /no emulator/)
  const explained = await farm(['dispatch', '--explain'], answering(PLAN))
  assert.match(explained.out, /debian_12_s390x\n  anemoi  no emulator for s390x\n          8192 MiB wanted, 4000 MiB free/)
  assert.equal((await farm(['dispatch', '--allow-unplaced'], answering(PLAN))).code, 0)
})

test('dispatch tells scripts the same, without definitions in full', async () => {
  const { code, out } = await farm(['dispatch', '--json'], answering(PLAN))
  assert.equal(code, 69)
  const told = JSON.parse(out) as { machines: Record<string, unknown>[]; unplaced: unknown[] }
  assert.deepEqual(told.machines, [{ name: 'debian_12_amd64', platform: 'debian_12', target: 'amd64', hypervisor: 'anemoi', virtType: 'qemu', reason: 'the least loaded of 2, emulated', exists: false }])
  assert.equal(told.unplaced.length, 1)
  assert.doesNotMatch(out, /secret/)
})

test('dispatch without a configuration says what to set', async () => {
  const { code, out } = await farm(['dispatch'])
  assert.equal(code, 0)
  assert.match(out, /set the variable config/)
})
