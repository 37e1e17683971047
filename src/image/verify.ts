/** Which checksum a downloaded file must have, and whether it has it. */
import { InputError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { shownUrl } from '../url.ts'
import { findChecksum, parseChecksum, type Checksum } from './checksum.ts'
import { fileName, imageName } from './location.ts'
import { during, fetchText, transfer, type Watch } from './transfer.ts'
import { inTurn } from './turn.ts'
import type { DownloadSpec } from './types.ts'

/** One file of an image: where it is, and what it must be; without a checksum nobody vouches for it, as was asked for. */
export interface Source {
  readonly url: string
  readonly name: string
  readonly checksum: Checksum | undefined
}

/** The files of an image with their checksums: the disk first, then kernel and initial RAM disk where there are such. */
export async function imageSources(host: Host, spec: DownloadSpec): Promise<{ disk: Source; kernel: Source | undefined; initrd: Source | undefined }> {
  checkSpec(spec)
  const { checksumUrl } = spec
  const list = checksumUrl === undefined ? undefined : await fetchText(host, checksumUrl, 'the checksum file')
  const source = (url: string, name: string, own?: string): Source => {
    if (own !== undefined) return { url, name, checksum: parseChecksum(own) }
    if (list !== undefined && checksumUrl !== undefined) return { url, name, checksum: findChecksum(list, name, shownUrl(checksumUrl)) }
    return { url, name, checksum: undefined }
  }
  return {
    disk: source(spec.url, imageName(spec), spec.checksum),
    kernel: spec.kernelUrl === undefined ? undefined : source(spec.kernelUrl, fileName(spec.kernelUrl)),
    initrd: spec.initrdUrl === undefined ? undefined : source(spec.initrdUrl, fileName(spec.initrdUrl)),
  }
}

/** What can be said about a download without asking anyone. */
export function checkSpec({ url, checksumUrl, checksum, kernelUrl, initrdUrl }: DownloadSpec): void {
  if (checksum !== undefined) parseChecksum(checksum)
  const hint = 'set vm_img_checksum_url; or vm_img_checksum to sha256:…, or to none in order to trust the download'
  if (checksumUrl === undefined && checksum === undefined) throw new InputError('checksum-missing', `there is no checksum to verify ${shownUrl(url)} with`, { hint })
  if (checksumUrl === undefined && checksum !== 'none' && (kernelUrl ?? initrdUrl) !== undefined) throw new InputError('checksum-missing', `there is no checksum file to verify ${shownUrl((kernelUrl ?? initrdUrl) as string)} with`, { hint })
  if (initrdUrl !== undefined && kernelUrl === undefined) throw new InputError('image-kernel', 'an initial RAM disk is given but no kernel', { hint: 'set vm_kernel_url' })
}

/**
 * Downloads a file to `part` and moves it to `target` (in a directory that is farm's alone), where it is verified.
 * When a resumed download turns out wrong, it is fetched once more from the start.
 * @throws InputError checksum-mismatch; the file is removed then.
 */
export async function fetchVerified(host: Host, $: Shell, source: Source, part: string, target: string, watch: Watch): Promise<void> {
  for (;;) {
    const { resumed } = await transfer(host, $, source.url, part, watch)
    // What was there before may have been of another group.
    await $`mv -f -- ${part} ${target}; chown -h "$(id -u):$(id -g)" ${target}`
    if (source.checksum === undefined) return
    const { algorithm, digest } = source.checksum
    const actual = await digestOf($, algorithm, target, source.name, watch)
    if (actual === digest) return
    await $`rm -f ${target}`
    if (resumed) continue
    throw new InputError('checksum-mismatch', `${shownUrl(source.url)} is not what its checksum says: expected ${algorithm} ${digest}, got ${actual}`, {
      host: host.name,
      hint: 'the image or its checksum file has changed, or somebody tampers with the download; nothing of it was kept',
    })
  }
}

/** Runs `work` while nobody else is at the unfinished download `part`: another run may want the same file for another image. */
export async function alone<T>(host: Host, part: string, work: () => Promise<T>): Promise<T> {
  return inTurn(host, part.replace(/\.part$/, '-lock.part'), work)
}

/** Whether a file is there and has this checksum. */
export async function digestMatches($: Shell, { algorithm, digest }: Checksum, path: string, name: string, watch: Watch): Promise<boolean> {
  const there = await $({ nothrow: true })`test -s ${path}`
  return there.exitCode === 0 && (await digestOf($, algorithm, path, name, watch)) === digest
}

async function digestOf($: Shell, algorithm: Checksum['algorithm'], path: string, name: string, watch: Watch): Promise<string> {
  watch.progress(`verifying ${name}`)
  const sum = await during($`${`${algorithm}sum`} ${path}`, async () => undefined, watch.signal)
  return /^\\?([0-9a-f]+)/.exec(sum.stdout)?.[1] ?? ''
}
