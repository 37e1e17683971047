/** A downloaded image: fetched, verified, looked into, and made a qcow2 file. */
import { posix } from 'node:path'
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { shownUrl } from '../url.ts'
import type { ImageRecord } from './cache.ts'
import { kernelCommandLine } from './command-line.ts'
import { HEADER_BYTES, imageFormat } from './format.ts'
import { sizeOf, type Watch } from './transfer.ts'
import type { BaseImage, DownloadSpec } from './types.ts'
import { alone, fetchVerified, imageSources, type Source } from './verify.ts'
import { openWorkingDir, partName } from './working-dir.ts'

/** How the machines of a downloaded image start, which needs no look at it. */
export function downloadTraits({ kernelUrl, initrdUrl, cmdline, arch = 'x86_64', seed = 'cloud-init' }: DownloadSpec): Pick<BaseImage, 'boot' | 'cmdline' | 'seed'> & { initrd: boolean } {
  if (kernelUrl === undefined) return { boot: 'disk', initrd: false, seed }
  return { boot: 'kernel', initrd: initrdUrl !== undefined, cmdline: cmdline ?? kernelCommandLine(arch), seed }
}

/** Fills `stage` with disk.qcow2 and, where given, vmlinuz and initrd.img. */
export async function download(host: Host, $: Shell, spec: DownloadSpec, key: string, stage: string, watch: Watch): Promise<ImageRecord> {
  const { disk, kernel, initrd } = await imageSources(host, spec)
  await openWorkingDir(host, $, spec.workingDir)
  const get = async (source: Source, target: string): Promise<void> => {
    const part = posix.join(spec.workingDir, partName(source.url, source.name))
    await alone(host, part, () => fetchVerified(host, $, source, part, target, watch))
  }
  const raw = `${stage}/download`
  await get(disk, raw)
  const virtualSize = await adopt(host, $, raw, `${stage}/disk.qcow2`, disk.name, watch)
  if (kernel) await get(kernel, `${stage}/vmlinuz`)
  if (initrd) await get(initrd, `${stage}/initrd.img`)
  return {
    key,
    origin: shownUrl(spec.url),
    ...(disk.checksum && { algorithm: disk.checksum.algorithm, checksum: disk.checksum.digest }),
    virtualSize,
    ...downloadTraits(spec),
    made: new Date().toISOString(),
  }
}

/** Makes the downloaded file the disk: as it is when qcow2, converted when raw. Resolves with its virtual size. */
async function adopt(host: Host, $: Shell, file: string, disk: string, name: string, watch: Watch): Promise<number> {
  const hex = (await host.query`od -An -v -t x1 -N ${HEADER_BYTES} ${file}`).stdout.replace(/\s+/g, '')
  const kind = imageFormat(Buffer.from(hex, 'hex'), name)
  if (kind.format === 'raw') {
    const size = await sizeOf(host, file)
    watch.progress(`converting ${name} to qcow2`)
    await $`qemu-img convert -f raw -O qcow2 ${file} ${disk}; rm ${file}`
    return Math.ceil(size / 512) * 512
  }
  await $`mv ${file} ${disk}`
  // The header was harmless; now let the expert see whether the rest is in order.
  const info = await $({ nothrow: true })`qemu-img info -f qcow2 -- ${disk} >/dev/null`
  if (info.exitCode !== 0) throw new TaskError('image-format', `qemu-img cannot read ${name}`, { host: host.name, details: info.stderr.trim().split('\n') })
  return kind.virtualSize
}
