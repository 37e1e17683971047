/** A downloaded image: fetched, verified, looked into, and made a qcow2 file. */
import { posix } from 'node:path'
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import type { ImageRecord } from './cache.ts'
import { HEADER_BYTES, imageFormat } from './format.ts'
import { shown } from './location.ts'
import { sizeOf, type Watch } from './transfer.ts'
import type { BaseImage, DownloadSpec } from './types.ts'
import { fetchVerified, imageSources } from './verify.ts'

/** How the machines of a downloaded image start, which needs no look at it. */
export function downloadTraits({ kernelUrl, initrdUrl, cmdline, seed = 'cloud-init' }: DownloadSpec): Pick<BaseImage, 'boot' | 'cmdline' | 'seed'> & { initrd: boolean } {
  if (kernelUrl === undefined) return { boot: 'disk', initrd: false, seed }
  return { boot: 'kernel', initrd: initrdUrl !== undefined, cmdline: cmdline ?? kernelCommandLine('amd64'), seed }
}

/** Consoles by Debian's architecture; ttyS0 elsewhere. */
const CONSOLES: Readonly<Record<string, string>> = { arm64: 'ttyAMA0', armhf: 'ttyAMA0', ppc64el: 'hvc0', s390x: 'ttysclp0' }

/**
 * The command line with which farm's own guests start: the root file system fills the first disk; the rest saves time, most of it
 * under emulation. Nothing secret runs in a test machine, so it does without the mitigations.
 */
export function kernelCommandLine(arch: string): string {
  const x86 = arch === 'amd64' || arch === 'i386' ? 'tsc=reliable no_timer_check ' : ''
  return `root=/dev/vda rw rootflags=noatime,noinit_itable console=${CONSOLES[arch] ?? 'ttyS0'} net.ifnames=0 quiet ${x86}mitigations=off random.trust_cpu=on`
}

/** Fills `stage` with disk.qcow2 and, where given, vmlinuz and initrd.img. */
export async function download(host: Host, $: Shell, spec: DownloadSpec, key: string, stage: string, watch: Watch): Promise<ImageRecord> {
  const { disk, kernel, initrd } = await imageSources(host, spec)
  await $`mkdir -p ${spec.workingDir}`
  const part = (name: string): string => posix.join(spec.workingDir, `${name}.part`)
  const raw = `${stage}/download`
  await fetchVerified(host, $, disk, part(disk.name), raw, watch)
  const virtualSize = await adopt(host, $, raw, `${stage}/disk.qcow2`, disk.name, watch)
  if (kernel) await fetchVerified(host, $, kernel, part(kernel.name), `${stage}/vmlinuz`, watch)
  if (initrd) await fetchVerified(host, $, initrd, part(initrd.name), `${stage}/initrd.img`, watch)
  return {
    key,
    origin: shown(spec.url),
    ...(disk.checksum && { algorithm: disk.checksum.algorithm, checksum: disk.checksum.digest }),
    virtualSize,
    ...downloadTraits(spec),
    made: new Date().toISOString(),
  }
}

/** Makes the downloaded file the disk: as it is when qcow2, converted when raw. Resolves with its virtual size. */
async function adopt(host: Host, $: Shell, file: string, disk: string, name: string, watch: Watch): Promise<number> {
  const hex = (await $`od -An -v -t x1 -N ${HEADER_BYTES} ${file}`).stdout.replace(/\s+/g, '')
  const kind = imageFormat(Buffer.from(hex, 'hex'), name)
  if (kind.format === 'raw') {
    const size = await sizeOf(host, file)
    watch.progress(`converting ${name} to qcow2`)
    await $`qemu-img convert -f raw -O qcow2 ${file} ${disk}; rm ${file}`
    return Math.ceil(size / 512) * 512
  }
  await $`mv ${file} ${disk}`
  // The header was harmless; now let the expert see whether the rest is in order.
  const info = await $({ nothrow: true })`qemu-img info -f qcow2 --output=json ${disk}`
  if (info.exitCode !== 0) throw new TaskError('image-format', `qemu-img cannot read ${name}`, { host: host.name, details: info.stderr.trim().split('\n') })
  return kind.virtualSize
}
