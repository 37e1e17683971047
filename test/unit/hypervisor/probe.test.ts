import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InputError } from '../../../src/errors.ts'
import { chooseVirtType, type HypervisorFacts } from '../../../src/hypervisor/index.ts'

const host = (facts: Partial<HypervisorFacts>): HypervisorFacts => ({
  hostname: 'anemoi', uid: 0, arch: 'x86_64', cpus: 2, memoryTotal: 8000, memoryAvailable: 6000, distribution: ['debian'], codename: 'bookworm',
  init: 'systemd', cpuFlag: undefined, kvmDevice: 'absent', kvmClosed: false, programs: new Set(), ipForward: false, vhostNet: false, free: new Map(), addresses: [], interfaces: new Set(), listening: new Set(), ...facts,
})

const cases: [string, Partial<HypervisorFacts>, 'kvm' | 'qemu'][] = [
  ['a CPU with vmx and a usable /dev/kvm gets KVM', { cpuFlag: 'vmx', kvmDevice: 'usable' }, 'kvm'],
  ['a CPU with svm and a usable /dev/kvm gets KVM', { cpuFlag: 'svm', kvmDevice: 'usable' }, 'kvm'],
  ['a /dev/kvm on a CPU without vmx and svm is a trap: guests are emulated', { kvmDevice: 'usable' }, 'qemu'],
  ['a CPU with vmx but no /dev/kvm emulates', { cpuFlag: 'vmx' }, 'qemu'],
  ['a /dev/kvm that may not be opened emulates', { cpuFlag: 'vmx', kvmDevice: 'unusable' }, 'qemu'],
  ['on arm64, which has no such flag, the device decides', { arch: 'aarch64', kvmDevice: 'usable' }, 'kvm'],
]
for (const [title, facts, expected] of cases) {
  test(title, () => {
    assert.equal(chooseVirtType(host(facts), 'auto', 'anemoi').type, expected)
    if (expected === 'qemu') assert.throws(() => chooseVirtType(host(facts), 'kvm', 'anemoi'), (error) => error instanceof InputError && error.exitCode === 65 && /virt_type is kvm, but /.test(error.message))
  })
}

test('emulation that is asked for is never refused', () => {
  assert.equal(chooseVirtType(host({ cpuFlag: 'vmx', kvmDevice: 'usable' }), 'qemu', 'anemoi').type, 'qemu')
})
