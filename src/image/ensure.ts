/** The image that a spec describes: is it in the cache, can it be had, and getting it there. */
import { posix } from 'node:path'
import { TaskError } from '../errors.ts'
import type { Host } from '../host/index.ts'
import { shownUrl } from '../url.ts'
import { build, buildTraits } from './build.ts'
import { describe, publish, readCached } from './cache.ts'
import { download, downloadTraits } from './download.ts'
import { imageKey } from './key.ts'
import { remoteSize, type Watch } from './transfer.ts'
import type { BaseImage, ImageSpec } from './types.ts'
import { checkSpec, imageSources } from './verify.ts'
import { checkWorkingDir } from './working-dir.ts'

/** The image in the cache at `cacheDir`, or undefined. One query, no change. */
export async function inspectImage(host: Host, spec: ImageSpec, cacheDir: string): Promise<BaseImage | undefined> {
  return readCached(host, cacheDir, imageKey(spec))
}

/** Bytes that a build needs while it is under way: the tree, the raw disk and the qcow2 file. */
const BUILD_BYTES = 1.5 * 2 ** 30

/**
 * Finds out, without changing anything, whether an image can be had. `size`: bytes that it will need, when that is known.
 * @throws InputError image-missing, checksum-missing, checksum-format, image-url, working-dir …; TaskError when a program is missing.
 */
export async function checkImageSource(host: Host, spec: ImageSpec): Promise<{ size?: number }> {
  if (spec.kind === 'download') {
    const { disk, kernel, initrd } = await imageSources(host, spec)
    const size = await remoteSize(host, disk.url)
    for (const source of [kernel, initrd]) if (source) await remoteSize(host, source.url)
    await checkWorkingDir(host, spec.workingDir)
    return size === undefined ? {} : { size }
  }
  imageKey(spec)
  const { stdout } = await host.query`for program in mmdebstrap mkfs.ext4 qemu-img; do command -v "$program" >/dev/null || echo "$program"; done; id -u`
  const lines = stdout.trim().split('\n')
  const uid = lines.pop()
  const packages: Readonly<Record<string, string>> = { 'mkfs.ext4': 'e2fsprogs', 'qemu-img': 'qemu-utils' }
  if (lines.length > 0) throw new TaskError('builder-missing', `building an image needs ${lines.join(', ')}`, { host: host.name, hint: `install it, e.g. apt-get install ${lines.map((name) => packages[name] ?? name).join(' ')}; or name an image to download with vm_download_url` })
  if (uid !== '0') throw new TaskError('builder-privilege', 'building an image needs root', { host: host.name, hint: 'let farm become root on this host, or name an image to download with vm_download_url' })
  return { size: BUILD_BYTES }
}

/** What `ensureImage` will give, as far as it is known beforehand: all but the virtual size, which is 0. */
export function plannedImage(spec: ImageSpec, cacheDir: string): BaseImage {
  const key = imageKey(spec)
  return describe(posix.join(cacheDir, key), { key, virtualSize: 0, ...(spec.kind === 'download' ? downloadTraits(spec) : buildTraits(spec)) })
}

/**
 * Sees that the image stands verified in the cache, and gets it there when it does not.
 * In check mode the change is reported only, and what will be there is returned, with a virtual size of 0.
 */
export async function ensureImage(host: Host, spec: ImageSpec, { cacheDir, ...watch }: { readonly cacheDir: string } & Watch): Promise<BaseImage> {
  const key = imageKey(spec)
  if (spec.kind === 'download') checkSpec(spec)
  const there = await readCached(host, cacheDir, key)
  if (there !== undefined) return there
  if (spec.kind === 'download') await checkWorkingDir(host, spec.workingDir)
  let image = plannedImage(spec, cacheDir)
  const summary = spec.kind === 'download' ? `download image ${shownUrl(spec.url)}` : `build image ${key}`
  await host.change({ summary }, async ($) => {
    image = await publish(host, $, cacheDir, key, (stage) => (spec.kind === 'download' ? download(host, $, spec, key, stage, watch) : build(host, $, spec, key, stage, watch)))
  })
  return image
}
