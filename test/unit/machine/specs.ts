/** Machines of every kind, for tests of their documents. */
import type { DomainDisk, DomainInterface, DomainSpec } from '../../../src/machine/index.ts'

/** An interface of type user with the forwarded port of SSH, changed as said. */
export function nic(changes: Partial<DomainInterface> = {}): DomainInterface {
  return { type: 'user', source: undefined, mac: '52:54:00:2c:08:e7', model: 'virtio', forwards: [{ protocol: 'tcp', address: '127.0.0.1', host: 4480, guest: 22 }], ...changes }
}

/** A machine, changed as said. Its files are below `dir`. */
export function machine(changes: Partial<DomainSpec> = {}, dir = '/pool'): DomainSpec {
  const name = changes.name ?? 'debian_12_amd64'
  return {
    name,
    uuid: '3f0f6d3a-6f0a-5a3e-9c3c-1d3f0f6d3a6f',
    mark: {
      cluster: 'test-farm', owner: 'alice@laptop', created: '2026-01-02T03:04:05Z', address: '127.0.0.1', port: 4480, user: 'debian', hostKey: `ssh-ed25519 AAAA ${name}`,
      image: 'pipeline-1', seed: '0011', console: `${dir}/${name}.log`, platform: 'debian_12', target: 'amd64', definition: 'cafe',
    },
    virtType: 'qemu',
    arch: 'x86_64',
    machineType: 'q35',
    vcpus: 2,
    memory: 512,
    firmware: { kind: 'default' },
    disks: [
      { device: 'vda', format: 'qcow2', bus: 'virtio', readonly: false, file: `${dir}/${name}.qcow2` },
      { device: 'vdb', format: 'raw', bus: 'virtio', readonly: true, file: `${dir}/${name}.seed.iso`, snapshot: false },
    ],
    interfaces: [nic()],
    ...changes,
  }
}

const arm = { name: 'debian_12_arm64', arch: 'aarch64', machineType: 'virt', cpu: 'cortex-a57' } as const
const ppc = { name: 'debian_12_ppc64', arch: 'ppc64le', machineType: 'pseries', cpu: 'POWER9' } as const
const riscv = { name: 'debian_13_riscv64', arch: 'riscv64', machineType: 'virt' } as const
const z = { name: 'debian_12_s390x', arch: 's390x', machineType: 's390-ccw-virtio' } as const
const vde = nic({ type: 'vde', source: 'vxvde://234.0.0.1', mac: '52:54:00:00:00:02', forwards: [] })
const several = [
  nic({ forwards: [...nic().forwards, { protocol: 'udp', address: '0.0.0.0', host: 5353, guest: 53 }] }),
  vde,
  nic({ mac: '52:54:00:00:00:03', forwards: [], model: 'virtio' }),
]
/** Machines by what is special about them, with all files below `dir` but firmware. */
export function machines(dir: string): Readonly<Record<string, DomainSpec>> {
  const make = (changes: Partial<DomainSpec> = {}): DomainSpec => machine(changes, dir)
  const disk = (device: string, bus: DomainDisk['bus']) => ({ device, bus, format: 'raw', readonly: false, file: `${dir}/${device}.raw` }) as const
  return {
    'a PC': make(),
    'a PC with KVM': make({ virtType: 'kvm', cpu: 'host-model', vhost: true, interfaces: [nic({ type: 'network', source: 'default', forwards: [] }), nic({ type: 'bridge', source: 'br0', mac: '52:54:00:00:00:02', forwards: [] })] }),
    'a PC with the older chip set': make({ machineType: 'pc', cpu: 'Nehalem' }),
    'a PC with disks on all buses': make({ disks: [...make().disks, disk('sda', 'scsi'), disk('sdb', 'sata'), disk('sdc', 'usb')] }),
    'a PC with a disk that is left out of snapshots': make({ disks: [...make().disks, { ...disk('vdc', 'virtio'), snapshot: false }] }),
    'a PC with a kernel that is told nothing': make({ kernel: { image: `${dir}/vmlinuz`, cmdline: '' } }),
    'a PC with several interfaces': make({ interfaces: several }),
    'a PC with UEFI': make({ firmware: { kind: 'efi' }, nvram: `${dir}/debian_12_amd64.nvram` }),
    'an ARM machine with a kernel of its own': make({ ...arm, kernel: { image: `${dir}/vmlinuz`, cmdline: 'console=ttyAMA0 root=/dev/vda' } }),
    'an ARM machine with UEFI': make({ ...arm, firmware: { kind: 'efi' }, nvram: `${dir}/debian_12_arm64.nvram` }),
    'an ARM machine with firmware by name': make({ ...arm, firmware: { kind: 'file', loader: '/usr/share/AAVMF/AAVMF_CODE.fd', nvram: '/usr/share/AAVMF/AAVMF_VARS.fd' }, nvram: `${dir}/debian_12_arm64.nvram` }),
    'an ARM machine with firmware and no template of its variables': make({ ...arm, firmware: { kind: 'file', loader: '/usr/share/AAVMF/AAVMF_CODE.fd', nvram: undefined } }),
    'an ARM machine with firmware by name, whose variables libvirt keeps': make({ ...arm, firmware: { kind: 'file', loader: '/usr/share/AAVMF/AAVMF_CODE.fd', nvram: '/usr/share/AAVMF/AAVMF_VARS.fd' } }),
    'an ARM machine with many CPUs': make({ ...arm, vcpus: 9 }),
    'an ARM machine with several interfaces': make({ ...arm, interfaces: several }),
    'a POWER machine': make({ ...ppc, interfaces: several }),
    'a POWER machine with a SCSI disk': make({ ...ppc, disks: [disk('sda', 'scsi')] }),
    'a RISC-V machine': make({ ...riscv, interfaces: several, kernel: { image: `${dir}/Image`, initrd: `${dir}/initrd`, cmdline: 'console=ttyS0' } }),
    'a RISC-V machine with a boot loader': make({ ...riscv, firmware: { kind: 'file', loader: '/usr/lib/u-boot/qemu-riscv64/u-boot.bin', nvram: undefined } }),
    'an IBM Z machine': make({ ...z, interfaces: several }),
  }
}

/** Machines for a libvirt that knows passt; Debian 12's does not. */
export function passt(dir: string): Readonly<Record<string, DomainSpec>> {
  return { 'a PC with passt': machine({ userBackend: 'passt', interfaces: several }, dir) }
}
