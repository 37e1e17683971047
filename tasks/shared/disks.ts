/** The machines' disks: overlays on the verified base image, grown when more is wanted, never replaced. */
import type { Host } from '../../src/host/index.ts'
import type { Hypervisor } from '../../src/hypervisor/index.ts'
import type { BaseImage } from '../../src/image/index.ts'
import { renderTemplate } from '../../src/vars/index.ts'

/** A disk that exists. Sizes in bytes. */
export interface DiskState {
  readonly size: number
  /** The lowest file of its chain: the base image; undefined for a disk that stands on none. */
  readonly image: string | undefined
}

/** Looks at several disks in one round trip; undefined for those that do not exist or are no images. */
export async function inspectDisks(host: Host, paths: readonly string[]): Promise<(DiskState | undefined)[]> {
  const mark = '--farm-disk--'
  const { stdout } = await host.query({ nothrow: true })`
for disk in ${[...paths]}; do
  if [ -e "$disk" ]; then qemu-img info --force-share --backing-chain --output=json -- "$disk" 2>/dev/null || true; fi
  echo ${mark}
done`
  return stdout.split(`${mark}\n`).slice(0, paths.length).map((text) => {
    if (text.trim() === '') return undefined
    const chain = JSON.parse(text) as { filename: string; 'virtual-size': number }[]
    const [top] = chain
    return top === undefined ? undefined : { size: top['virtual-size'], image: chain.length === 1 ? undefined : chain.at(-1)?.filename }
  })
}

/** What a disk shall be. */
export interface DiskSpec {
  readonly machine: string
  readonly uuid: string
  readonly pool: string
  readonly path: string
  readonly size: number
  readonly image: BaseImage
  readonly running: boolean
}

/**
 * Makes the overlay, or grows it. A disk on another image, or one that is larger than wanted, is kept and reported:
 * what a guest has written is never thrown away here.
 */
export async function ensureDisk(hypervisor: Hypervisor, state: DiskState | undefined, spec: DiskSpec, templateDirs: readonly string[], warn: (message: string) => void): Promise<void> {
  const { host, virsh } = hypervisor
  const size = Math.max(spec.size, spec.image.virtualSize)
  if (state === undefined) {
    const data = { name: `${spec.machine}.qcow2`, size, base: spec.image.disk }
    const { text } = await renderTemplate('volume.xml', data, { dirs: [...templateDirs] })
    await host.change({ summary: `create disk ${spec.path} (${mebibytes(size)}) on ${spec.image.disk}` }, ($) => virsh.apply($, [['vol-create', spec.pool, '/dev/stdin']], text))
    return
  }
  if (state.image !== undefined && state.image !== spec.image.disk) {
    warn(`${spec.machine}: its disk stands on another image (${state.image}); farm keeps disks, so it stays as it is until unprovision-cluster`)
  }
  if (state.size > size) warn(`${spec.machine}: its disk has ${mebibytes(state.size)}, more than the ${mebibytes(size)} of vm_diskspace; disks are not shrunk`)
  if (state.size >= size) return
  await host.change({ summary: `grow disk ${spec.path} from ${mebibytes(state.size)} to ${mebibytes(size)}` }, async ($) => {
    if (spec.running) await virsh.apply($, [['blockresize', spec.uuid, 'vda', `${size}B`]])
    else await $`qemu-img resize -q -- ${spec.path} ${String(size)}`
  })
}

function mebibytes(bytes: number): string {
  return bytes % 2 ** 30 === 0 ? `${bytes / 2 ** 30} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`
}
