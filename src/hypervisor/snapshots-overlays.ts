/** The files that farm lays over a machine's disks for snapshots: what they are called, whose they are, and which of them nobody needs. */
import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import type { Shell } from '../host/index.ts'
import { filesIn, snapshotFiles } from './documents.ts'
import { namesIn, type Virsh } from './virsh.ts'
import { parseXml, type Element } from './xml.ts'

/** The machine that an overlay belongs to. */
export interface OverlayOwner {
  readonly name: string
  readonly uuid: string
}

/** Bytes that a file's name may have on Linux. */
const NAME_MAX = 255

/**
 * The path of a new overlay beside the file that it will stand on. Its name tells machine, device and snapshot, and is used once only:
 * a file that was removed never comes back as another one.
 */
export function overlayPath(owner: OverlayOwner, device: string, snapshot: string, below: string): string {
  const end = `.${mark(owner)}-${randomBytes(4).toString('hex')}.qcow2`
  const room = NAME_MAX - Buffer.byteLength(`${owner.name}.${device}.`) - end.length
  const slug = snapshot.replace(/[^\w.+-]+/g, '_').slice(0, Math.max(0, Math.min(60, room)))
  return posix.join(posix.dirname(below), `${owner.name}.${device}.${slug}${end}`)
}

/**
 * Whether a file is an overlay that farm made for this machine. The name alone would not tell: all that begins with the name of the
 * machine `a.vda` begins with that of the machine `a` as well. So a part of the machine's UUID stands in it.
 */
export function isOverlayOf(owner: OverlayOwner, file: string): boolean {
  const name = posix.basename(file)
  return name.startsWith(`${owner.name}.`) && new RegExp(`\\.${mark(owner)}-[0-9a-f]{8}\\.qcow2$`).test(name)
}

function mark({ uuid }: OverlayOwner): string {
  return uuid.slice(0, 8)
}

/** The overlays that farm made for a machine in some directories, whether anybody needs them or not. */
export async function overlaysIn(virsh: Virsh, owner: OverlayOwner, dirs: readonly string[]): Promise<string[]> {
  if (dirs.length === 0) return []
  const { stdout } = await virsh.host.query({ nothrow: true })`
for dir in ${[...new Set(dirs)]}; do for file in "$dir"/*.qcow2; do if [ -f "$file" ]; then printf '%s\\n' "$file"; fi; done; done`
  return stdout.split('\n').filter((file) => file !== '' && isOverlayOf(owner, file))
}

/**
 * Removes the machine's overlays that nobody needs: no machine has one as its disk, no snapshot of the machine names it, and no image in
 * its directory stands on it. What an interrupted restore has left goes so as well.
 *
 * @param snapshots - documents of all snapshots of the machine
 */
export async function removeOrphans($: Shell, virsh: Virsh, owner: OverlayOwner, snapshots: readonly Element[]): Promise<void> {
  const uuids = namesIn((await virsh.ask([['list', '--all', '--uuid']]))[0])
  const texts = await virsh.ask(uuids.flatMap((uuid) => [['dumpxml', '--inactive', uuid], ['dumpxml', uuid]]))
  // A machine whose document cannot be read may need any of them.
  if (uuids.some((_uuid, index) => texts[2 * index] === undefined && texts[2 * index + 1] === undefined)) return
  const disks = texts.flatMap((text) => (text === undefined ? [] : filesIn(parseXml(text))))
  const own = snapshots.flatMap(snapshotFiles)
  const dirs = [...disks, ...own].filter((file) => posix.basename(file).startsWith(`${owner.name}.`)).map((file) => posix.dirname(file))
  const needed = new Set([...disks, ...own])
  const orphans = (await overlaysIn(virsh, owner, dirs)).filter((file) => !needed.has(file))
  if (orphans.length === 0) return
  // An image names what it stands on in its first block. One that nobody needs may stand on another such, so it is looked at again.
  await $`
again=1
while [ $again = 1 ]; do
  again=0
  for file in ${orphans}; do
    [ -e "$file" ] || continue
    name=$(basename "$file"); wanted=
    for image in "$(dirname "$file")"/* ${[...new Set(disks)]}; do
      [ -f "$image" ] || continue
      # One that cannot be read may stand on it.
      if [ ! -r "$image" ] || head -c 4096 -- "$image" | grep -aqF -- "$name"; then wanted=1; break; fi
    done
    [ -z "$wanted" ] || continue
    rm -f -- "$file"
    again=1
  done
done`
}
