/** The files that exist for one machine alone: what goes when it goes, and nothing else. */
import { posix } from 'node:path'
import { TaskError } from '../errors.ts'
import { filesIn, snapshotFiles } from './documents.ts'
import type { Domain } from './domains.ts'
import { overlaysIn } from './snapshots-overlays.ts'
import { namesIn, type Virsh } from './virsh.ts'
import { parseXml } from './xml.ts'

/** Where a machine's files may be deleted. */
export interface Removal {
  /** Directories in which a machine's files lie. */
  readonly within: readonly string[]
  /** Directories of what machines share: nothing below them is deleted. */
  readonly shared: readonly string[]
  /** Files that other machines use. */
  readonly usedElsewhere: ReadonlySet<string>
}

/**
 * All files of a machine: disks with their overlays, files of external snapshots with what an interrupted restore has left, seed, logs.
 * A file counts only when its name begins with the machine's, it lies directly where such files lie, and nobody else uses it.
 */
export async function filesOf(virsh: Virsh, domain: Domain, { within, shared, usedElsewhere }: Removal): Promise<string[]> {
  const disks = filesIn(domain.document)
  const [listed] = await virsh.ask([['snapshot-list', '--name', domain.uuid]])
  const snapshots = await virsh.ask(namesIn(listed).map((name) => ['snapshot-dumpxml', domain.uuid, '--snapshotname', name]))
  const external = snapshots.flatMap((text) => (text === undefined ? [] : snapshotFiles(parseXml(text))))
  const chains = await Promise.all(disks.map((disk) => backingChain(virsh, disk)))
  const left = await overlaysIn(virsh, domain, within)
  const console = domain.mark?.console
  const logs = console === undefined ? [] : rotated(console)
  const mine = [...disks, ...chains.flat(), ...external, ...left, ...logs].map((file) => posix.normalize(file)).filter((file) =>
    within.includes(posix.dirname(file)) &&
    !shared.some((dir) => file.startsWith(`${dir}/`)) &&
    posix.basename(file).startsWith(`${domain.name}.`) &&
    !usedElsewhere.has(file))
  // libvirt keeps a log of its own of every machine and never removes it.
  const own = virsh.uri.endsWith('/system') ? rotated(`/var/log/libvirt/qemu/${domain.name}.log`) : []
  return [...new Set([...mine, ...own])]
}

/** A log and those that virtlogd has put aside. */
function rotated(log: string): string[] {
  return ['', '.0', '.1', '.2', '.3'].map((suffix) => `${log}${suffix}`)
}

/** The files under a disk, itself first, as qemu-img sees them; empty for a file that is gone or no image. */
export async function backingChain(virsh: Virsh, disk: string): Promise<string[]> {
  const result = await virsh.host.query({ nothrow: true })`qemu-img info --force-share --backing-chain --output=json -- ${disk}`
  if (result.exitCode !== 0) return []
  try {
    const chain = JSON.parse(result.stdout) as readonly { readonly filename: string }[]
    return chain.map((image) => image.filename)
  } catch (cause) {
    throw new TaskError('qemu-img', `qemu-img info printed no JSON for ${disk}`, { host: virsh.host.name, cause })
  }
}
