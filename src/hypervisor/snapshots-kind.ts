/** Which kind of snapshot a machine can have. */
import { InputError } from '../errors.ts'
import { disksOf, type Snapshot, type SnapshotKind } from './snapshots-record.ts'
import { find, type Element } from './xml.ts'

export type WantedKind = 'auto' | SnapshotKind

/** The kind, and a sentence without a full stop that says why. */
export interface KindChoice {
  readonly kind: SnapshotKind
  readonly reason: string
}

/** A disk of a machine, as far as snapshots care. */
export interface DiskPart {
  readonly device: string
  /** `file`, `block`, `network`, `volume`. */
  readonly type: string
  readonly file: string | undefined
  readonly format: string
  /** It takes part: it can be written to, has a medium, and is not excluded by `snapshot='no'`. */
  readonly taken: boolean
  /** It can be written to, but is excluded. */
  readonly leftOut: boolean
}

/** All that decides which kind a machine can have; of one that is not made yet, from its definition. */
export interface SnapshotBase {
  readonly parts: readonly Pick<DiskPart, 'device' | 'type' | 'format' | 'taken' | 'leftOut'>[]
  /** Format of its firmware's variables; undefined where the firmware is no flash memory. */
  readonly variables: string | undefined
}

/** The same of a machine that there is. */
export function snapshotBase(document: Element): SnapshotBase {
  const flash = find(document, 'os', 'loader')?.attributes['type'] === 'pflash' || find(document, 'os', 'nvram') !== undefined || find(document, 'os')?.attributes['firmware'] === 'efi'
  return { parts: diskParts(document), variables: flash ? (find(document, 'os', 'nvram')?.attributes['format'] ?? 'raw') : undefined }
}

export function diskParts(document: Element): DiskPart[] {
  return disksOf(document).map((disk): DiskPart => {
    const source = find(disk, 'source')
    const writable = source !== undefined && find(disk, 'readonly') === undefined && disk.attributes['device'] !== 'cdrom'
    const excluded = disk.attributes['snapshot'] === 'no'
    return {
      device: find(disk, 'target')?.attributes['dev'] ?? '',
      type: disk.attributes['type'] ?? 'file',
      file: source?.attributes['file'],
      format: find(disk, 'driver')?.attributes['type'] ?? 'raw',
      taken: writable && !excluded,
      leftOut: writable && excluded,
    }
  })
}

/** From this version on libvirt takes internal snapshots of machines with flash firmware and goes back to them, if the variables are kept as qcow2 (10.9 could take, but not restore). */
const INTERNAL_WITH_FLASH = '10.10.0'

/** From this version on libvirt goes back to external snapshots by itself (news of 9.9.0). */
const EXTERNAL_REVERT = '9.9.0'

/** Whether libvirt goes back to external snapshots by itself. */
export function revertsExternal(version: string): boolean {
  return atLeast(version, EXTERNAL_REVERT)
}

function atLeast(version: string, wanted: string): boolean {
  const [has, needs] = [version, wanted].map((text) => text.split('.').map(Number))
  for (const [index, part] of (needs ?? []).entries()) {
    const difference = (has?.[index] ?? 0) - part
    if (difference !== 0) return difference > 0
  }
  return true
}

/** Why a machine cannot have internal snapshots; undefined where it can. */
export function internalObstacle({ parts, variables }: SnapshotBase, version: string): string | undefined {
  const other = parts.find(({ taken, format }) => taken && format !== 'qcow2')
  if (other !== undefined) return `disk ${other.device} is ${other.format}, and only qcow2 holds snapshots`
  const leftOut = parts.find((part) => part.leftOut)
  if (leftOut !== undefined) return `disk ${leftOut.device} can be written to and is left out of snapshots, and internal ones take all such disks or none`
  if (variables === undefined) return parts.some(({ taken }) => taken) ? undefined : 'it has no disk that can be written to'
  if (!atLeast(version, INTERNAL_WITH_FLASH)) return `its firmware is flash memory (UEFI), and libvirt ${version} cannot keep that in snapshots; ${INTERNAL_WITH_FLASH} can`
  return variables === 'qcow2' ? undefined : `its firmware is flash memory (UEFI) whose variables are ${variables}, and only qcow2 holds snapshots`
}

/** Why a machine cannot have external snapshots; undefined where it can. */
export function externalObstacle({ parts }: SnapshotBase): string | undefined {
  const taken = parts.filter((part) => part.taken)
  if (taken.length === 0) return 'it has no disk that can be written to'
  const other = taken.find(({ type }) => type !== 'file')
  return other === undefined ? undefined : `disk ${other.device} is no file (${other.type}), so nothing can be laid over it beside it`
}

/**
 * Chooses the kind. Internal ones are wanted: they keep the memory, so that nothing has to boot. A machine has snapshots of one kind only,
 * since going back to an internal one would write to files that external ones have frozen.
 *
 * @param version - libvirt's
 * @param existing - snapshots that the machine has
 * @throws InputError `snapshot-kind` when the wanted kind is impossible, with the reason; nothing has been changed then.
 */
export function chooseKind(base: SnapshotBase, wanted: WantedKind, version: string, existing: readonly Pick<Snapshot, 'name' | 'kind'>[], machine: string, host: string): KindChoice {
  const obstacles = { internal: internalObstacle(base, version), external: externalObstacle(base) }
  const refuse = (kind: SnapshotKind | 'any', why: string, hint: string): never => {
    throw new InputError('snapshot-kind', `machine ${machine} cannot have ${kind} snapshots: ${why}`, { host, hint })
  }
  const kept = existing[0]
  if (wanted !== 'auto') {
    const obstacle = obstacles[wanted]
    if (obstacle !== undefined) return refuse(wanted, obstacle, wanted === 'internal' ? 'leave snapshot_type at auto, or set it to external' : 'make the disk a qcow2 file, or exclude it from snapshots')
    const other = existing.find(({ kind }) => kind !== wanted)
    if (other !== undefined) return refuse(wanted, `its snapshot ${other.name} is ${other.kind}, and the two do not go together`, `leave snapshot_type at auto, or remove the ${other.kind} snapshots first`)
    return { kind: wanted, reason: 'it was asked for' }
  }
  if (kept !== undefined && obstacles[kept.kind] === undefined) return { kind: kept.kind, reason: `its snapshot ${kept.name} is ${kept.kind}` }
  if (kept !== undefined) return refuse(kept.kind, obstacles[kept.kind] ?? '', `its snapshot ${kept.name} is ${kept.kind}, and the two kinds do not go together: make the machine anew, or remove its snapshots`)
  if (obstacles.internal === undefined) return { kind: 'internal', reason: 'all its disks are qcow2' }
  if (obstacles.external !== undefined) return refuse('any', `${obstacles.internal}; ${obstacles.external}`, 'make the disk a qcow2 file, or exclude it from snapshots')
  return { kind: 'external', reason: obstacles.internal }
}
