/**
 * Images for the lab, published as Debian publishes its own: `images/cloud/bullseye/<release>/…` with a SHA512SUMS beside them.
 *
 * Guest images are what farm itself builds from the distribution's mirror; that takes a minute, so they are kept between test
 * runs in $FARM_TEST_CACHE (/var/tmp/farm-test-cache), by what they are made of.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bindHost, connect } from '../../src/host/index.ts'
import { ensureImage } from '../../src/image/index.ts'
import { must } from './process.ts'

export const RELEASE = '20241007-1893'
export const DISK = `debian-11-generic-amd64-${RELEASE}.qcow2`

/** Where the release stands on the server; paths of its files begin with it. */
export const RELEASE_PATH = `/images/cloud/bullseye/${RELEASE}`

/** Files of an image. */
export interface ImageFiles {
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
}

/** An image that farm has built. */
export interface GuestImage extends ImageFiles {
  /** Changes with what the image is made of. */
  readonly key: string
  /** Debian's name of the architecture: `amd64`. */
  readonly arch: string
  /** The kernel's command line. */
  readonly cmdline: string
}

export interface GuestImageOptions {
  /** Debian's name; `amd64` when undefined. Another one than the machine's own takes minutes. */
  readonly arch?: string
  /** Packages in addition to those that every guest has. */
  readonly packages?: readonly string[]
}

/** Directory of what is kept between test runs. */
export function testCache(): string {
  return process.env['FARM_TEST_CACHE'] || '/var/tmp/farm-test-cache'
}

/** An image that farm builds for guests; built when the cache has none. */
export async function guestImage({ arch = 'amd64', packages = [] }: GuestImageOptions = {}): Promise<GuestImage> {
  const cacheDir = testCache()
  await using connection = await connect({ name: 'localhost', connection: 'local' })
  const host = bindHost(connection, { recorder: { check: false, changed: () => undefined, output: () => undefined } })
  // Another architecture's programs run under emulation while it is built.
  const signal = AbortSignal.timeout(1_800_000)
  const { key, dir, disk, kernel, initrd, cmdline } = await ensureImage(host, { kind: 'build', suite: 'bookworm', arch, packages }, { cacheDir, progress: () => undefined, signal })
  if (kernel === undefined || initrd === undefined || cmdline === undefined) throw new Error(`${dir} has no kernel of its own`)
  return { key, arch, disk, kernel, initrd, cmdline }
}

/** What makes farm's guests read a seed by themselves. */
const OWN_READER = ['/etc/systemd/system/sysinit.target.wants/farm-seed.service', '/usr/lib/farm/seed', '/etc/systemd/network/80-farm.network']

/** An image whose guests read the seed by cloud-init and by nothing else; made when the cache has none. */
export async function cloudImage(): Promise<ImageFiles> {
  const image = await guestImage({ packages: ['cloud-init'] })
  const dir = `${dirname(image.disk)}-cloud`
  const disk = join(dir, 'disk.qcow2')
  if (existsSync(disk)) return { ...image, disk }
  const work = mkdtempSync(`${dir}.`)
  try {
    const raw = join(work, 'disk.raw')
    await must(['qemu-img', 'convert', '-O', 'raw', image.disk, raw])
    // Nobody mounts it, and debugfs needs no loop device. It takes its commands from standard input and says nothing of failures.
    const debugfs = ['/usr/sbin/debugfs', '-w', '-f', '-', raw]
    await must(debugfs, { input: OWN_READER.map((file) => `rm ${file}\n`).join('') })
    const rest = await must(debugfs, { input: OWN_READER.map((file) => `stat ${file}\n`).join('') })
    if (/Inode:/.test(rest)) throw new Error(`debugfs did not remove all of ${OWN_READER.join(', ')}:\n${rest}`)
    await must(['qemu-img', 'convert', '-O', 'qcow2', raw, join(work, 'disk.qcow2')])
    rmSync(raw)
    renameSync(work, dir)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return { ...image, disk }
}

/** Makes `root` serve the image as Debian's release. */
export async function publish(image: ImageFiles, root: string): Promise<void> {
  await publishFiles(join(root, RELEASE_PATH), { [DISK]: image.disk, vmlinuz: image.kernel, 'initrd.img': image.initrd })
}

/** Makes `root` serve the image below `/images/<key>`, whose address on the server is returned: disk.qcow2, vmlinuz and initrd.img. */
export async function publishGuest(image: GuestImage, root: string): Promise<string> {
  const path = `/images/${image.key}`
  await publishFiles(join(root, path), { 'disk.qcow2': image.disk, vmlinuz: image.kernel, 'initrd.img': image.initrd })
  return path
}

/** Links to files, and their checksums in SHA512SUMS beside them. */
async function publishFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  mkdirSync(dir, { recursive: true })
  for (const [name, file] of Object.entries(files)) symlinkSync(file, join(dir, name))
  writeFileSync(join(dir, 'SHA512SUMS'), await must(['sha512sum', ...Object.keys(files)], { cwd: dir }))
}

/** A small image that no machine can boot, for all that happens before one does. `dir` must not exist. */
export async function blankImage(dir: string, mebibytes = 4): Promise<ImageFiles> {
  mkdirSync(dir, { recursive: true })
  const image = { disk: join(dir, 'disk.qcow2'), kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd.img') }
  // Random, so that it does not shrink to nothing.
  writeFileSync(join(dir, 'disk.raw'), randomBytes(mebibytes << 20))
  await must(['qemu-img', 'convert', '-O', 'qcow2', join(dir, 'disk.raw'), image.disk])
  writeFileSync(image.kernel, randomBytes(100_000))
  writeFileSync(image.initrd, randomBytes(100_000))
  return image
}
