/**
 * Going back to an external snapshot by hand, for libvirt before 9.9.
 *
 * A snapshot has frozen the files that were the machine's disks; whoever goes back lays new overlays over them. The order is such that
 * farm may be killed between any two steps: up to the new definition the machine is as it was, from then on it is on the new overlays.
 * What is left over in between (overlays that nobody needs) has names by which the next restore finds and removes it.
 */
import { posix } from 'node:path'
import { TaskError } from '../errors.ts'
import type { Shell } from '../host/index.ts'
import { overlayPath, removeOrphans, type OverlayOwner } from './snapshots-overlays.ts'
import { definitionIn, definitionOn, frozenDisks, overlaysOf, withOverlays, type FrozenDisk, type Snapshot } from './snapshots-record.ts'
import type { Virsh } from './virsh.ts'
import { find, formatXml, type Element } from './xml.ts'

/** What a restore by hand needs to know; found out before anything is changed. */
export interface ExternalPlan {
  readonly snapshot: Snapshot
  readonly definition: Element
  readonly frozen: readonly FrozenDisk[]
}

/**
 * Looks at what a snapshot stands on.
 *
 * @throws TaskError `snapshot-broken` when it can no longer be restored: a file is gone, or libvirt's record is incomplete.
 */
export async function planExternal(virsh: Virsh, snapshot: Snapshot, machine: string): Promise<ExternalPlan> {
  const broken = (why: string): TaskError => new TaskError('snapshot-broken', `snapshot ${snapshot.name} of machine ${machine} cannot be restored: ${why}`, { host: virsh.host.name, hint: 'remove the snapshot, or make the machine anew; nothing has been changed' })
  if (find(snapshot.document, 'memory')?.attributes['snapshot'] === 'external') throw broken('it keeps memory in a file, and libvirt goes back to such a one only from version 9.9 on')
  const definition = definitionIn(snapshot)
  const frozen = frozenDisks(snapshot)
  if (definition === undefined || frozen.length === 0) throw broken('libvirt has not recorded the disks that it froze')
  const { stdout } = await virsh.host.query`for file in ${frozen.map(({ file }) => file)}; do if [ ! -e "$file" ]; then printf '%s\\n' "$file"; fi; done`
  const gone = stdout.split('\n').filter((file) => file !== '')
  if (gone.length > 0) throw broken(`${gone.join(', ')} ${gone.length === 1 ? 'is' : 'are'} gone`)
  return { snapshot, definition, frozen }
}

/**
 * Goes back; the machine is off afterwards. With a `$` got from `host.change`.
 *
 * @param snapshots - all snapshots of the machine
 */
export async function restoreByHand($: Shell, virsh: Virsh, owner: OverlayOwner, { snapshot, definition, frozen }: ExternalPlan, snapshots: readonly Snapshot[]): Promise<void> {
  const overlays = new Map(frozen.map(({ device, file }) => [device, overlayPath(owner, device, snapshot.name, file)]))
  await stop($, virsh, owner.uuid)
  for (const { device, file, format } of frozen) await createOverlay($, virsh, overlays.get(device) ?? '', file, format)
  // From here on the machine is on the new overlays: libvirt replaces a definition as a whole or not at all.
  await virsh.apply($, [['define', '/dev/stdin']], formatXml(withUuid(definitionOn(definition, overlays), owner)))
  const records = await makeCurrent($, virsh, owner.uuid, snapshot, overlays, snapshots)
  await removeOrphans($, virsh, owner, records)
}

/** Forces a machine off and throws saved memory away: it belongs to other disks than those to come. */
export async function stop($: Shell, virsh: Virsh, uuid: string): Promise<void> {
  const [state] = await virsh.ask([['domstate', uuid]])
  if (state !== undefined && !/^(shut off|crashed)/.test(state)) await virsh.apply($, [['destroy', uuid]])
  await virsh.apply($, [['managedsave-remove', uuid]])
}

async function createOverlay($: Shell, virsh: Virsh, overlay: string, below: string, format: string): Promise<void> {
  const result = await $({ nothrow: true })`
if [ -e ${overlay} ]; then echo "it exists" >&2; exit 1; fi
qemu-img create -q -f qcow2 -F ${format} -b ${below} -- ${overlay}`
  if (result.exitCode === 0) return
  throw new TaskError('qemu-img', `qemu-img cannot make ${overlay}: ${result.stderr.trim().split('\n').at(-1)}`, { host: virsh.host.name, details: result.stderr.trim().split('\n').slice(-5) })
}

/**
 * Makes a snapshot the one that the machine goes on from. Its record names the new overlays, unless another snapshot has frozen those that
 * it names: then they are what that one stands on, and stay where newer libvirt looks for them.
 *
 * @returns the documents of all snapshots as they are now.
 */
async function makeCurrent($: Shell, virsh: Virsh, uuid: string, snapshot: Snapshot, overlays: ReadonlyMap<string, string>, snapshots: readonly Snapshot[]): Promise<Element[]> {
  const frozen = frozenBy(snapshots.filter((other) => other.name !== snapshot.name))
  const kept = [...overlaysOf(snapshot).values()].some((file) => frozen.has(posix.normalize(file)))
  if (kept) {
    await virsh.apply($, [['snapshot-current', uuid, '--snapshotname', snapshot.name]])
    return snapshots.map(({ document }) => document)
  }
  const document = withOverlays(snapshot.document, overlays)
  await virsh.apply($, [['snapshot-create', uuid, '/dev/stdin', '--redefine', '--current']], formatXml(document))
  return snapshots.map((other) => (other.name === snapshot.name ? document : other.document))
}

/** All files that snapshots have frozen. */
export function frozenBy(snapshots: readonly Snapshot[]): ReadonlySet<string> {
  return new Set(snapshots.flatMap(frozenDisks).map(({ file }) => posix.normalize(file)))
}

/** A snapshot that was taken over from a machine of another UUID would define a second one. */
function withUuid(definition: Element, { name, uuid }: OverlayOwner): Element {
  const text: Readonly<Record<string, string>> = { name, uuid }
  return { ...definition, children: definition.children.map((child) => (child.name in text ? { ...child, text: text[child.name] ?? '' } : child)) }
}

/**
 * After snapshots were removed: their parent's record may name overlays that only they had frozen. It then names the overlays that the
 * machine is on, where these lie directly over what the parent froze.
 *
 * @param below - by overlay of the machine: the file that it stands on
 */
export async function followParent($: Shell, virsh: Virsh, uuid: string, parent: Snapshot, active: ReadonlyMap<string, string>, below: ReadonlyMap<string, string>, snapshots: readonly Snapshot[]): Promise<Element[]> {
  const frozen = frozenDisks(parent)
  const direct = frozen.length > 0 && frozen.every(({ device, file }) => below.get(active.get(device) ?? '') === posix.normalize(file))
  const named = [...overlaysOf(parent).entries()].filter(([device]) => frozen.some((disk) => disk.device === device))
  if (!direct || named.every(([device, file]) => active.get(device) === file)) return snapshots.map(({ document }) => document)
  const overlays = new Map(frozen.map(({ device }) => [device, active.get(device) ?? '']))
  return makeCurrent($, virsh, uuid, parent, overlays, snapshots)
}
