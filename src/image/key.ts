/** The name of an image in the cache: readable in front, and a hash of all that decides about its content. */
import { createHash } from 'node:crypto'
import { InputError } from '../errors.ts'
import { guestFiles, readBuildScript } from './guest-files.ts'
import { imageName, lastPart } from './location.ts'
import type { BuildSpec, PlainSpec } from './types.ts'

/** Raised when the way in which images are stored or converted changes, so that older ones are not taken for new. */
const VERSION = 1

/** What farm itself needs in a guest: a kernel, an init, sshd, and the seed's tools. */
const BASE_PACKAGES = ['systemd-sysv', 'udev', 'dbus', 'kmod', 'initramfs-tools', 'zstd', 'e2fsprogs', 'openssh-server', 'iproute2', 'iputils-ping', 'ca-certificates']

/** What follows `linux-image-` where it is not the architecture's name. The small cloud kernels have all that a virtual machine needs. */
const KERNELS: Readonly<Record<string, string>> = { amd64: 'cloud-amd64', arm64: 'cloud-arm64', ppc64el: 'powerpc64le', i386: '686-pae', armhf: 'armmp' }

/** Architectures whose guests do not hear a power button (no ACPI, and no driver for what takes its place): the guest agent shuts them down. */
const NO_BUTTON = ['arm64', 'riscv64']

/** Releases before an architecture was part of Debian. */
const TOO_OLD: Readonly<Record<string, readonly string[]>> = { riscv64: ['buster', 'bullseye', 'bookworm'] }

/**
 * The key of an image in the cache, e.g. `bookworm-amd64-3fa2c81b90de`. Pure but for farm's own guest files, which are part of it.
 * @throws InputError when a package, suite, architecture or mirror is not written as one.
 */
export function imageKey(spec: PlainSpec): string {
  if (spec.kind === 'download') {
    const { url, checksumUrl, checksum, kernelUrl, initrdUrl, cmdline, seed, arch = 'x86_64' } = spec
    const name = imageName(spec)
    // What is as usual is left out, so that an image keeps its key whether or not that is said.
    const unusual = [...(name === lastPart(url) ? [] : [{ name }]), ...(arch === 'x86_64' ? [] : [{ arch }])]
    return named(name.replace(/\.(qcow2|img|raw)$/i, ''), ['download', url, checksumUrl, checksum, kernelUrl, initrdUrl, cmdline, seed, ...unusual])
  }
  const { suite, arch, mirror } = spec
  const files = guestFiles().map(({ path, mode, content }) => [path, mode, createHash('sha256').update(content as Uint8Array).digest('hex')])
  return named(`${suite}-${arch}`, ['build', suite, arch, mirror, buildPackages(spec), readBuildScript(), files])
}

/** A key: a readable prefix, and a hash of the parts that decide about the content. */
export function named(prefix: string, parts: readonly unknown[]): string {
  const hash = createHash('sha256').update(JSON.stringify([VERSION, ...parts.map((part) => part ?? null)])).digest('hex')
  const readable = prefix.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '').slice(0, 60) || 'image'
  return `${readable}-${hash.slice(0, 12)}`
}

/** Whether a name in the cache is one that `imageKey` gives. */
export function isImageKey(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,59}-[0-9a-f]{12}$/.test(name)
}

/** All packages of a built image, sorted and without doubles. */
export function buildPackages({ suite, arch, packages, mirror }: BuildSpec): string[] {
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(suite)) throw new InputError('image-suite', `the suite of an image cannot be ${JSON.stringify(suite)}`, { hint: 'write its code name, e.g. bookworm' })
  if (!/^[a-z0-9]+$/.test(arch)) throw new InputError('image-arch', `the architecture of an image cannot be ${JSON.stringify(arch)}`, { hint: "use Debian's name for it, e.g. amd64" })
  if (mirror !== undefined && !/^(https?|file|ftp|copy):\/\/[^\s]+$/.test(mirror)) throw new InputError('image-mirror', `the mirror of an image cannot be ${JSON.stringify(mirror)}`, { hint: 'write its address, e.g. http://deb.debian.org/debian' })
  if (TOO_OLD[arch]?.includes(suite)) throw new InputError('image-arch', `Debian has no ${arch} in ${suite}`, { hint: 'take a later release, e.g. trixie' })
  const own = [`linux-image-${KERNELS[arch] ?? arch}`, ...(NO_BUTTON.includes(arch) ? ['qemu-guest-agent'] : [])]
  for (const name of packages) {
    // https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
    if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) throw new InputError('image-package', `${JSON.stringify(name)} is not the name of a package`)
  }
  return [...new Set([...own, ...BASE_PACKAGES, ...packages])].sort()
}
