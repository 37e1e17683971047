/** What would have to be installed for what a hypervisor lacks. */
import type { Capabilities, Installer } from '../../hypervisor/index.ts'

const COMMANDS: Readonly<Record<Installer, string>> = { 'apt-get': 'apt-get install', dnf: 'dnf install', pacman: 'pacman -S', zypper: 'zypper install', apk: 'apk add' }

/** Emulators come in families: one package has that of aarch64 and that of armv7l. */
function familyOf(arch: string): string {
  if (/^(x86_64|i686)$/.test(arch)) return 'x86'
  if (/^(aarch64|arm)/.test(arch)) return 'arm'
  return arch.startsWith('ppc') ? 'ppc' : arch.startsWith('riscv') ? 'riscv' : arch
}

const EMULATORS: Readonly<Record<Installer, (family: string) => string>> = {
  'apt-get': (family) => `qemu-system-${['x86', 'arm', 'ppc', 'mips', 'sparc'].includes(family) ? family : 'misc'}`,
  dnf: (family) => `qemu-system-${family === 'arm' ? 'aarch64' : family}`,
  pacman: (family) => `qemu-system-${family === 'arm' ? 'aarch64' : family}`,
  zypper: (family) => `qemu-${['x86', 'arm', 'ppc', 's390x'].includes(family) ? family : 'extra'}`,
  apk: (family) => `qemu-system-${{ x86: 'x86_64', arm: 'aarch64', ppc: 'ppc64', riscv: 'riscv64' }[family] ?? family}`,
}

const FIRMWARE: Readonly<Record<Installer, Readonly<Record<string, string>>>> = {
  'apt-get': { x86_64: 'ovmf', i686: 'ovmf-ia32', aarch64: 'qemu-efi-aarch64', armv7l: 'qemu-efi-arm', riscv64: 'qemu-efi-riscv64' },
  dnf: { x86_64: 'edk2-ovmf', aarch64: 'edk2-aarch64', riscv64: 'edk2-riscv64' },
  pacman: { x86_64: 'edk2-ovmf', aarch64: 'edk2-aarch64' },
  zypper: { x86_64: 'qemu-ovmf-x86_64', aarch64: 'qemu-uefi-aarch64' },
  apk: { x86_64: 'ovmf', aarch64: 'aavmf' },
}

/** The command that installs the emulator of an architecture, in parentheses behind a blank; empty where it is not known. */
export function installEmulator({ installer }: Capabilities, arch: string): string {
  return installer === undefined ? '' : ` (${COMMANDS[installer]} ${EMULATORS[installer](familyOf(arch))})`
}

/** The same for UEFI firmware. */
export function installFirmware({ installer }: Capabilities, arch: string): string {
  const name = installer === undefined ? undefined : FIRMWARE[installer][arch]
  return installer === undefined || name === undefined ? '' : ` (${COMMANDS[installer]} ${name})`
}
