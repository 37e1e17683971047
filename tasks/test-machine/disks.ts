/** A machine's disks: an overlay on its image, further empty ones, and the seed's. */
import { posix } from 'node:path'
import type { Host } from '../../src/host/index.ts'
import type { BaseImage } from '../../src/image/index.ts'
import type { DomainDisk, FarmDirs, MachineDefinition } from '../../src/machine/index.ts'

/** What a machine has attached; no seed for images that read none. */
export interface MachineDisks {
  readonly disks: readonly DomainDisk[]
  readonly seed: DomainDisk | undefined
}

/**
 * Makes the files. What is there under their names belonged to a machine that is no longer defined and is written over.
 * Names begin with the machine's, so that they are found again when it is removed.
 */
export async function makeDisks(host: Host, { name, disks }: MachineDefinition, image: BaseImage, { pool }: FarmDirs): Promise<MachineDisks> {
  const made: DomainDisk[] = []
  for (const [index, { device, format, size, bus, readonly, snapshot, file: own }] of disks.entries()) {
    const file = own ?? posix.join(pool, `${name}.${device}.${format}`)
    if (own === undefined) await make(host, file, format, size, index === 0 ? image : undefined)
    made.push({ file, format, device, bus, readonly, snapshot })
  }
  if (image.seed === 'none') return { disks: made, seed: undefined }
  return { disks: made, seed: { file: posix.join(pool, `${name}.seed.iso`), format: 'raw', device: nextDevice(disks.map(({ device }) => device)), bus: 'virtio', readonly: true, snapshot: false } }
}

async function make(host: Host, file: string, format: 'qcow2' | 'raw', size: number | undefined, image: BaseImage | undefined): Promise<void> {
  const bytes = Math.max(size ?? 0, image?.virtualSize ?? 0)
  const summary = image === undefined ? `create disk ${file}` : `create disk ${file} on ${image.disk}`
  await host.change({ summary }, async ($) => {
    await $`rm -f -- ${file}`
    if (image === undefined) await $`qemu-img create -q -f ${format} -- ${file} ${String(bytes)}`
    else if (format === 'qcow2') await $`qemu-img create -q -f qcow2 -F qcow2 -b ${image.disk} -- ${file} ${String(bytes)}`
    else await $`qemu-img convert -O raw -- ${image.disk} ${file}; qemu-img resize -q -f raw -- ${file} ${String(bytes)}`
  })
}

/** The first virtio disk name that is free. */
function nextDevice(taken: readonly string[]): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  return [...letters].map((letter) => `vd${letter}`).find((device) => !taken.includes(device)) ?? 'vdz'
}
