/** Which package of which distribution brings which program. */
import type { PackageManager } from '../../src/ensure/index.ts'
import type { HypervisorFacts } from '../../src/hypervisor/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'

/** A program that is needed, and the packages that bring it. */
export interface Need {
  readonly program: string
  /** Another program that will do as well. */
  readonly or?: string
  /** Overrides the table: a variable of the user's. */
  readonly chosen?: string | undefined
  readonly packages: Readonly<Record<PackageManager, readonly string[]>>
}

const QEMU_DEBIAN: Readonly<Record<string, string>> = { aarch64: 'qemu-system-arm', ppc64le: 'qemu-system-ppc', riscv64: 'qemu-system-misc', s390x: 'qemu-system-misc' }

/** What a hypervisor of that architecture needs for a cluster with these variables. */
export function needs(vars: ClusterVars, facts: HypervisorFacts, emulator: string): Need[] {
  const list: Need[] = [
    { program: 'libvirtd', or: 'virtqemud', chosen: vars.libvirt_package, packages: { apt: ['libvirt-daemon-system', 'libvirt-clients'], dnf: ['libvirt-daemon-kvm', 'libvirt-client'], pacman: ['libvirt'], zypper: ['libvirt-daemon-qemu', 'libvirt-client'], apk: ['libvirt-daemon', 'libvirt-qemu', 'libvirt-client'] } },
    { program: 'virsh', chosen: vars.libvirt_package, packages: { apt: ['libvirt-clients'], dnf: ['libvirt-client'], pacman: ['libvirt'], zypper: ['libvirt-client'], apk: ['libvirt-client'] } },
    { program: emulator, chosen: vars.qemu_package, packages: { apt: [QEMU_DEBIAN[facts.arch] ?? 'qemu-system-x86'], dnf: ['qemu-kvm'], pacman: ['qemu-base'], zypper: ['qemu'], apk: [`qemu-system-${facts.arch}`] } },
    { program: 'qemu-img', chosen: vars.qemu_img_package, packages: { apt: ['qemu-utils'], dnf: ['qemu-img'], pacman: ['qemu-img'], zypper: ['qemu-img'], apk: ['qemu-img'] } },
  ]
  if (vars.vm_network_mode !== 'user') {
    list.push(
      { program: 'dnsmasq', chosen: vars.dnsmasq_package, packages: { apt: ['dnsmasq-base'], dnf: ['dnsmasq'], pacman: ['dnsmasq'], zypper: ['dnsmasq'], apk: ['dnsmasq'] } },
      { program: 'iptables', packages: { apt: ['iptables'], dnf: ['iptables-nft'], pacman: ['iptables-nft'], zypper: ['iptables'], apk: ['iptables'] } },
    )
  }
  if (vars.vm_download_url === undefined) {
    list.push(
      { program: 'mmdebstrap', packages: { apt: ['mmdebstrap'], dnf: ['mmdebstrap'], pacman: ['mmdebstrap'], zypper: ['mmdebstrap'], apk: ['mmdebstrap'] } },
      { program: 'mkfs.ext4', packages: { apt: ['e2fsprogs'], dnf: ['e2fsprogs'], pacman: ['e2fsprogs'], zypper: ['e2fsprogs'], apk: ['e2fsprogs'] } },
    )
  } else if (!facts.programs.has('wget')) {
    list.push({ program: 'curl', packages: { apt: ['curl', 'ca-certificates'], dnf: ['curl'], pacman: ['curl'], zypper: ['curl'], apk: ['curl'] } })
  }
  return list
}

/** The needs that nothing on the host meets. */
export function absentPrograms(list: readonly Need[], facts: HypervisorFacts): Need[] {
  return list.filter(({ program, or }) => !facts.programs.has(program) && !(or !== undefined && facts.programs.has(or)))
}

/** The packages to install so that every program is there; empty when nothing is missing. */
export function missingPackages(list: readonly Need[], facts: HypervisorFacts, manager: PackageManager): string[] {
  const absent = absentPrograms(list, facts)
  return [...new Set(absent.flatMap((need) => (need.chosen === undefined ? need.packages[manager] : [need.chosen])))]
}
