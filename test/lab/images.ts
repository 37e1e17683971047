/**
 * Images for the lab, published as Debian publishes its own: `images/cloud/bullseye/<release>/…` with a SHA512SUMS beside them.
 *
 * The guest image is what farm itself builds from the distribution's mirror; that takes a minute, so it is kept between test
 * runs in $FARM_TEST_CACHE (/var/tmp/farm-test-cache), by what it is made of.
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

/** Files of a guest image. */
export interface GuestImage {
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
}

/** Directory of what is kept between test runs. */
export function testCache(): string {
  return process.env['FARM_TEST_CACHE'] || '/var/tmp/farm-test-cache'
}

/** The image that farm builds for guests; built when the cache has none. */
export async function guestImage(): Promise<GuestImage> {
  return builtImage([])
}

/** What makes farm's guests read a seed by themselves. */
const OWN_READER = ['/etc/systemd/system/sysinit.target.wants/farm-seed.service', '/usr/lib/farm/seed', '/etc/systemd/network/80-farm.network']

/** An image whose guests read the seed by cloud-init and by nothing else; made when the cache has none. */
export async function cloudImage(): Promise<GuestImage> {
  const image = await builtImage(['cloud-init'])
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

async function builtImage(packages: readonly string[]): Promise<GuestImage> {
  const cacheDir = testCache()
  await using connection = await connect({ name: 'localhost', connection: 'local' })
  const host = bindHost(connection, { recorder: { check: false, changed: () => undefined, output: () => undefined } })
  const signal = AbortSignal.timeout(600_000)
  const image = await ensureImage(host, { kind: 'build', suite: 'bookworm', arch: 'amd64', packages }, { cacheDir, progress: () => undefined, signal })
  if (image.kernel === undefined || image.initrd === undefined) throw new Error(`${image.dir} has no kernel of its own`)
  return { disk: image.disk, kernel: image.kernel, initrd: image.initrd }
}

/** Makes `root` serve the image: links to its files and their checksums. */
export async function publish(image: GuestImage, root: string): Promise<void> {
  const dir = join(root, RELEASE_PATH)
  mkdirSync(dir, { recursive: true })
  const files = [[DISK, image.disk], ['vmlinuz', image.kernel], ['initrd.img', image.initrd]] as const
  for (const [name, file] of files) symlinkSync(file, join(dir, name))
  writeFileSync(join(dir, 'SHA512SUMS'), await must(['sha512sum', ...files.map(([name]) => name)], { cwd: dir }))
}

/** A small image that no machine can boot, for all that happens before one does. `dir` must not exist. */
export async function blankImage(dir: string, mebibytes = 4): Promise<GuestImage> {
  mkdirSync(dir, { recursive: true })
  const image = { disk: join(dir, 'disk.qcow2'), kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd.img') }
  // Random, so that it does not shrink to nothing.
  writeFileSync(join(dir, 'disk.raw'), randomBytes(mebibytes << 20))
  await must(['qemu-img', 'convert', '-O', 'qcow2', join(dir, 'disk.raw'), image.disk])
  writeFileSync(image.kernel, randomBytes(100_000))
  writeFileSync(image.initrd, randomBytes(100_000))
  return image
}
