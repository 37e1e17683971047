/** What an architecture is called: by the kernel and libvirt (`aarch64`), and by Debian (`arm64`). */

const DEBIAN: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', ppc64le: 'ppc64el', riscv64: 'riscv64', s390x: 's390x', i686: 'i386', armv7l: 'armhf' }

/** Debian's name; undefined where Debian has no port. Debian's own names are left as they are. */
export function debianArch(arch: string): string | undefined {
  return DEBIAN[arch] ?? (Object.values(DEBIAN).includes(arch) ? arch : undefined)
}

/** The kernel's name, as `uname -m` and libvirt have it; what is not known stays as it is. */
export function kernelArch(arch: string): string {
  return Object.entries(DEBIAN).find(([, debian]) => debian === arch)?.[0] ?? arch
}
