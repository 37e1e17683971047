/** The kernel's command line for guests that start without a boot loader. */

/** Serial consoles as QEMU's default machines have them, by the architecture's name for `uname -m` and for Debian; ttyS0 elsewhere. */
const CONSOLES: Readonly<Record<string, string>> = {
  aarch64: 'ttyAMA0', arm64: 'ttyAMA0', armv7l: 'ttyAMA0', armhf: 'ttyAMA0',
  ppc64le: 'hvc0', ppc64el: 'hvc0',
  s390x: 'ttysclp0',
}
const X86 = ['x86_64', 'amd64', 'i686', 'i386']

/**
 * The command line with which farm's own guests start: the root file system fills the first disk; the rest saves time, most of it
 * under emulation. Nothing secret runs in a test machine, so it does without the mitigations.
 * `arch` is as for `uname -m`, or Debian's name.
 */
export function kernelCommandLine(arch: string): string {
  const x86 = X86.includes(arch) ? 'tsc=reliable no_timer_check ' : ''
  return `root=/dev/vda rw rootflags=noatime,noinit_itable console=${CONSOLES[arch] ?? 'ttyS0'} net.ifnames=0 quiet ${x86}mitigations=off random.trust_cpu=on`
}
