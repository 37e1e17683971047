import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fits, type Demand, type Offer } from '../../../../src/machine/dispatch/index.ts'
import { captured } from '../../hypervisor/captured.ts'
import { demand, offer } from './rig.ts'

const lacks = (wanted: Demand, at: Offer): readonly string[] => {
  const fit = fits(wanted, at)
  return fit.fits ? [] : fit.lacks
}

const kinds: [string, Demand, Offer, 'kvm' | 'qemu'][] = [
  ['a machine of the host\'s own architecture runs with kvm', demand('d_amd64'), offer('fedora'), 'kvm'],
  ['a machine of another architecture is emulated', demand('d_arm64', { firmware: { kind: 'default' } }), offer('fedora'), 'qemu'],
  ['where kvm is a trap, machines are emulated', demand('d_amd64'), offer('debian-x86'), 'qemu'],
  ['emulation that is asked for by name is emulation, though kvm works', demand('d_amd64', { virtType: 'qemu' }), offer('fedora'), 'qemu'],
  ['on a Raspberry Pi arm64 runs with kvm', demand('d_arm64'), offer('raspberry'), 'kvm'],
  ['a CPU that kvm does not have there is emulated, when nothing else was asked for', demand('d_arm64', { cpu: { kvm: 'cortex-a57', qemu: 'cortex-a57' } }), offer('raspberry'), 'qemu'],
  ['on x86, a CPU that cannot be emulated in full is started without what is missing', demand('d_amd64', { cpu: { kvm: undefined, qemu: 'Haswell' } }), offer('debian-x86'), 'qemu'],
  ['a versioned machine type is as good as its short name', demand('d_amd64', { machineType: 'pc-q35-7.2' }), offer('debian-x86'), 'qemu'],
  ['riscv64, whose CPU models libvirt does not know, is emulated', demand('d_riscv64'), offer('debian-every'), 'qemu'],
  ['an emulator of its own, which is there and runs the machine type', demand('d_amd64', { emulator: '/opt/qemu' }), { ...offer('debian-x86'), capabilities: { ...captured('debian-x86'), files: { '/opt/qemu': true }, domains: captured('debian-x86').domains.map((domain) => ({ ...domain, emulator: '/opt/qemu' })) } }, 'qemu'],
]
for (const [title, wanted, at, virtType] of kinds) test(title, () => assert.deepEqual(fits(wanted, at), { fits: true, virtType }))

const missing: [string, Demand, Offer, RegExp][] = [
  ['an emulator is missing, and the package that has it', demand('d_arm64'), offer('debian-x86'), /^no emulator for aarch64 \(apt-get install qemu-system-arm\)$/],
  ['the package is Fedora\'s on Fedora', demand('d_ppc64'), offer('fedora'), /^no emulator for ppc64le \(dnf install qemu-system-ppc\)$/],
  ['an architecture has another name in libvirt', demand('d_arm64', { arch: 'arm' }), offer('debian-foreign'), /^no emulator for arm: libvirt calls that architecture armv7l$/],
  ['a machine type is unknown, and what was meant', demand('d_amd64', { machineType: 'q34' }), offer('debian-x86'), /^machine type q34 is unknown there, did you mean q35\?$/],
  ['a machine type is unknown, and some that are known', demand('d_amd64', { machineType: 'sparkstation' }), offer('fedora'), /^machine type sparkstation is unknown there, known: pc, q35, pc-q35-8\.2, pc-i440fx-8\.2$/],
  ['a CPU model is unknown', demand('d_arm64', { cpu: { kvm: undefined, qemu: 'cortex-a999' } }), offer('debian-foreign'), /^CPU model cortex-a999 is unknown there, did you mean cortex-a\d+\?$/],
  ['a CPU model has features that the CPU lacks', demand('d_amd64', { virtType: 'kvm', cpu: { kvm: 'EPYC', qemu: undefined } }), offer('fedora'), /^CPU model EPYC has features that the CPU lacks there$/],
  ['a CPU mode does not exist when emulated', demand('d_amd64', { cpu: { kvm: undefined, qemu: 'host-passthrough' } }), offer('debian-x86'), /^CPU mode host-passthrough is not supported there with qemu$/],
  ['UEFI firmware is missing, and the package that has it', demand('d_amd64', { firmware: { kind: 'efi' } }), offer('debian-x86'), /^no UEFI firmware for x86_64 \(apt-get install ovmf\)$/],
  ['the same for arm64 on Fedora', demand('d_arm64'), offer('fedora'), /^no UEFI firmware for aarch64 \(dnf install edk2-aarch64\)$/],
  ['a firmware file is missing', demand('d_arm64', { firmware: { kind: 'file', loader: '/nowhere.fd', nvram: undefined } }), offer('debian-foreign'), /^firmware file \/nowhere\.fd is not there$/],
  ['an emulator of its own is missing', demand('d_amd64', { emulator: '/opt/qemu' }), offer('debian-x86'), /^emulator \/opt\/qemu is not there, \/usr\/bin\/qemu-system-x86_64 is$/],
  ['memory does not suffice', demand('d_arm64', { memory: 8192 }), offer('raspberry'), /^8192 MiB wanted, 3900 MiB free$/],
  ['CPUs do not suffice', demand('d_amd64', { vcpus: 9 }), offer('debian-x86'), /^9 CPUs wanted, 2 there \(at most 4 virtual ones for each\)$/],
  ['a machine type has fewer CPUs', demand('d_arm64', { vcpus: 9, virtType: 'kvm' }), offer('raspberry'), /^9 CPUs wanted, machine type virt has 8 at most$/],
  ['disk does not suffice', demand('d_amd64', { disk: 2 ** 40 }), offer('debian-x86'), /^disk: 1024\.0 GiB wanted, 160\.0 GiB left with thin disks$/],
  ['kvm is asked for by name and does not work', demand('d_amd64', { virtType: 'kvm' }), offer('debian-x86'), /^kvm asked for by name: the CPU has neither vmx nor svm .*switch on VT-x/],
  ['kvm is asked for by name for another architecture', demand('d_arm64', { virtType: 'kvm' }), offer('debian-foreign'), /^kvm asked for by name: the hypervisor has no kvm for aarch64$/],
]
for (const [what, wanted, at, expected] of missing) {
  test(`an explanation says when ${what}`, () => {
    const found = lacks(wanted, at)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', expected)
  })
}

test('all that is lacking is named, not only the first', () => {
  assert.equal(lacks(demand('d_amd64', { memory: 10 ** 6, disk: 2 ** 50, vcpus: 100, firmware: { kind: 'efi' } }), offer('debian-x86')).length, 4)
})

test('a machine that is there needs no room for its disks', () => {
  assert.deepEqual(fits(demand('d_amd64', { existing: 'debian-x86' }), offer('debian-x86', { disk: 0 })), { fits: true, virtType: 'qemu' })
})
