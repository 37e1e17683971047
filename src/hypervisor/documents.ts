/** What libvirt's documents of machines and snapshots say about files. */
import { find, findAll, type Element } from './xml.ts'

/** The files that a domain's document names: disks, kernel, initial RAM disk. */
export function filesIn(document: Element): string[] {
  const disks = findAll(find(document, 'devices'), 'disk').flatMap((disk) => find(disk, 'source')?.attributes['file'] ?? [])
  return [...disks, ...['kernel', 'initrd'].flatMap((name) => find(document, 'os', name)?.text ?? [])]
}

/** The files that a snapshot's document names: those it froze, the overlays over them, and saved memory. */
export function snapshotFiles(snapshot: Element): string[] {
  // revertDisks: overlays that newer libvirt has made when it went back to the snapshot.
  const overlays = ['disks', 'revertDisks'].flatMap((list) => findAll(find(snapshot, list), 'disk')).flatMap((disk) => find(disk, 'source')?.attributes['file'] ?? [])
  const memory = find(snapshot, 'memory')?.attributes['file']
  const before = ['domain', 'inactiveDomain'].flatMap((name) => find(snapshot, name) ?? [])
  return [...overlays, ...before.flatMap(filesIn), ...(memory === undefined ? [] : [memory])]
}
