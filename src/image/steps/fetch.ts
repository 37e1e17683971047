/** Step fetch: a verified download. */
import { posix } from 'node:path'
import { z } from 'zod'
import { downloadTraits } from '../download.ts'
import { fileName, imageName } from '../location.ts'
import { parseChecksum } from '../checksum.ts'
import { remoteSize } from '../transfer.ts'
import type { DownloadSpec } from '../types.ts'
import { alone, digestMatches, fetchVerified, imageSources, type Source } from '../verify.ts'
import { checkWorkingDir, clearForeignPart, openWorkingDir, partName } from '../working-dir.ts'
import { asImage } from './files.ts'
import { imageStep, type StepContext } from './types.ts'

const url = z.string().refine((text) => accepted(() => fileName(text)), { message: 'expected http://, https://, ftp://, file:// or an absolute path on the hypervisor, ending in the name of a file' })
const args = z
  .strictObject({
    url: z.string().min(1).refine((text) => text.startsWith('/') || URL.canParse(text), { message: 'expected http://, https://, ftp://, file:// or an absolute path on the hypervisor' }).describe('where it is, as the hypervisor sees it'),
    name: z.string().min(1).optional().describe('its name, where the address does not end in it; the checksum file has it under this name'),
    checksum: z.string().refine((text) => accepted(() => parseChecksum(text)), { message: 'expected sha256: or sha512: and the digest, or none' }).optional().describe('sha256:… or sha512:…; none trusts the download'),
    checksum_url: url.optional().describe('a file such as SHA512SUMS that lists the checksum'),
    kernel_url: url.optional().describe('a kernel to start the image with, listed in the checksum file'),
    initrd_url: url.optional().describe('its initial RAM disk, listed in the checksum file'),
    cmdline: z.string().optional().describe("the kernel's command line; one for the architecture by default"),
  })
  .check(({ value, issues }) => {
    const wrong = (path: string, message: string): unknown => issues.push({ code: 'custom', path: [path], message, input: value })
    if (!accepted(() => imageName(value))) wrong('name', 'expected the name of a file; give one when the address does not end in it')
    if (value.checksum === undefined && value.checksum_url === undefined) wrong('checksum', 'expected checksum or checksum_url; none in order to trust the download')
    if (value.kernel_url !== undefined && value.checksum_url === undefined && value.checksum !== 'none') wrong('checksum_url', 'expected a checksum file that lists the kernel, too')
    if (value.initrd_url !== undefined && value.kernel_url === undefined) wrong('kernel_url', 'expected a kernel for the initial RAM disk')
  })

/** The download that the step's arguments describe. */
export function fetchSpec(given: z.output<typeof args>, arch: string, workingDir: string): DownloadSpec {
  const { url, name, checksum, checksum_url: checksumUrl, kernel_url: kernelUrl, initrd_url: initrdUrl, cmdline } = given
  return { kind: 'download', url, name, checksum, checksumUrl, kernelUrl, initrdUrl, cmdline, arch, workingDir, seed: 'cloud-init' }
}

export const fetch = imageStep({
  name: 'fetch',
  description: 'Downloads an image or an archive, verified by its checksum.',
  args,
  brings: true,
  version: 1,
  async look({ host, arch, workingDir }, given) {
    const { disk, kernel, initrd } = await imageSources(host, fetchSpec(given, arch, workingDir))
    await checkWorkingDir(host, workingDir)
    const sizes = await Promise.all([disk, kernel, initrd].filter((source) => source !== undefined).map((source) => remoteSize(host, source.url)))
    return sizes[0] === undefined ? {} : { size: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) }
  },
  plan: (_state, given, arch) => traits(given, arch),
  content: (given, arch) => (given.kernel_url === undefined ? given : [given, arch]),
  async run(context, given) {
    const { disk, kernel, initrd } = await imageSources(context.host, fetchSpec(given, context.arch, context.workingDir))
    await openWorkingDir(context.host, context.$, context.workingDir)
    for (const source of [disk, kernel, initrd]) if (source) await get(context, source)
    return { ...(await asImage(context, disk.name)), ...traits(given, context.arch) }
  },
})

function traits(given: z.output<typeof args>, arch: string): { kernel: string | undefined; initrd: string | undefined; cmdline: string | undefined; boot: 'disk' | 'kernel' } {
  const { boot, cmdline } = downloadTraits(fetchSpec(given, arch, ''))
  const named = (address: string | undefined): string | undefined => (address === undefined ? undefined : fileName(address))
  return { boot, cmdline, kernel: named(given.kernel_url), initrd: named(given.initrd_url) }
}

/** Fetches one file. It is kept until the image is complete, lest a mistake in a later step costs another download. */
async function get({ host, $, workingDir, path, watch, afterwards }: StepContext, source: Source): Promise<void> {
  const part = posix.join(workingDir, partName(source.url, source.name))
  const target = path(source.name)
  const { checksum } = source
  await alone(host, part, async () => {
    await clearForeignPart($, part)
    if (checksum !== undefined && (await digestMatches($, checksum, part, source.name, watch))) await $`mv -f -- ${part} ${target}`
    else await fetchVerified(host, $, source, part, target, watch)
    // Without a checksum nobody could tell later whether a step has changed it.
    if (checksum !== undefined) await $`ln -f -- ${target} ${part} 2>/dev/null || cp -- ${target} ${part}`
  })
  if (checksum !== undefined) afterwards(() => alone(host, part, () => $`rm -f -- ${part}`))
}

function accepted(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
