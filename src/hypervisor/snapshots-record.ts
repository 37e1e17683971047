/** A snapshot as libvirt records it, read and written. farm's own data stands in the description, as JSON. */
import { escapeXml } from '../vars/index.ts'
import { find, findAll, formatXml, parseXml, type Element } from './xml.ts'

/** Inside the disks (qcow2), or as overlays laid over them. */
export type SnapshotKind = 'internal' | 'external'

/** A snapshot that exists. */
export interface Snapshot {
  readonly name: string
  readonly kind: SnapshotKind
  /** The snapshot that the machine had gone on from when this one was taken. */
  readonly parent: string | undefined
  /** ISO 8601, in UTC. */
  readonly created: string
  /** The machine has gone on from this one. */
  readonly current: boolean
  /** `running`: with memory, so that the machine runs once it is restored. `disk-snapshot`: disks alone, of a machine that ran. */
  readonly state: 'running' | 'shutoff' | 'disk-snapshot'
  /** farm took it; others' are never removed. */
  readonly own: boolean
  /** What it was made from, as it was given to `create`; undefined for snapshots of others. */
  readonly inputs: unknown
  /** libvirt's record. */
  readonly document: Element
}

/** Number of the shape of the description. */
const SHAPE = 1

/** Reads a snapshot's document. */
export function toSnapshot(text: string, current: string | undefined): Snapshot {
  const document = parseXml(text)
  const name = find(document, 'name')?.text ?? ''
  const external = [find(document, 'memory'), ...findAll(find(document, 'disks'), 'disk')].some((part) => part?.attributes['snapshot'] === 'external')
  const state = find(document, 'state')?.text ?? ''
  const data = dataIn(find(document, 'description')?.text ?? '')
  return {
    name,
    kind: external ? 'external' : 'internal',
    parent: find(document, 'parent', 'name')?.text,
    created: new Date(Number(find(document, 'creationTime')?.text ?? 0) * 1000).toISOString(),
    current: name === current,
    // The memory of a paused machine can go on running.
    state: state === 'running' || state === 'paused' ? 'running' : state === 'disk-snapshot' ? state : 'shutoff',
    own: data !== undefined,
    inputs: data?.['inputs'],
    document,
  }
}

function dataIn(description: string): Readonly<Record<string, unknown>> | undefined {
  if (!description.startsWith('{')) return undefined
  try {
    const data = JSON.parse(description) as Readonly<Record<string, unknown>>
    return data['farm'] === SHAPE ? data : undefined
  } catch {
    return undefined
  }
}

/** A snapshot and all that were taken after it on its branches, parents before their children. */
export function subtree(snapshots: readonly Snapshot[], name: string): Snapshot[] {
  const found = snapshots.filter((snapshot) => snapshot.name === name)
  for (const { name: parent } of found) found.push(...snapshots.filter((snapshot) => snapshot.parent === parent && !found.includes(snapshot)))
  return found
}

/** A disk's part in a snapshot that is to be taken. */
export interface SnapshotDisk {
  readonly device: string
  /** `internal`, an overlay's path, or undefined: left out. */
  readonly to: 'internal' | { readonly overlay: string } | undefined
}

/** The document that a snapshot is taken by. */
export function snapshotDocument(name: string, disks: readonly SnapshotDisk[], inputs: unknown): string {
  const rows = disks.map(({ device, to }) => formatXml(typeof to === 'object' ? overlayElement(device, to.overlay) : element('disk', { name: device, snapshot: to ?? 'no' }), '    '))
  const description = JSON.stringify({ farm: SHAPE, inputs })
  return `<domainsnapshot>\n  <name>${escapeXml(name)}</name>\n  <description>${escapeXml(description)}</description>\n  <disks>\n${rows.join('')}  </disks>\n</domainsnapshot>\n`
}

/** A disk that an external snapshot has frozen. */
export interface FrozenDisk {
  readonly device: string
  readonly file: string
  /** `qcow2`, `raw`. */
  readonly format: string
}

/** The definition that the machine had when the snapshot was taken, for its next boot. */
export function definitionIn({ document }: Snapshot): Element | undefined {
  const stored = find(document, 'inactiveDomain') ?? find(document, 'domain')
  return stored === undefined ? undefined : { ...stored, name: 'domain' }
}

/** The disks that an external snapshot has frozen: files that nobody writes to any more. */
export function frozenDisks(snapshot: Snapshot): FrozenDisk[] {
  const devices = new Set(findAll(find(snapshot.document, 'disks'), 'disk').filter((disk) => disk.attributes['snapshot'] === 'external').map((disk) => disk.attributes['name']))
  return disksOf(definitionIn(snapshot)).flatMap((disk) => {
    const device = find(disk, 'target')?.attributes['dev'] ?? ''
    const file = find(disk, 'source')?.attributes['file']
    return devices.has(device) && file !== undefined ? [{ device, file, format: find(disk, 'driver')?.attributes['type'] ?? 'raw' }] : []
  })
}

/** The overlays over the disks that an external snapshot has frozen, by device. */
export function overlaysOf({ document }: Snapshot): ReadonlyMap<string, string> {
  return new Map(findAll(find(document, 'disks'), 'disk').flatMap((disk) => {
    const file = find(disk, 'source')?.attributes['file']
    return file === undefined ? [] : [[disk.attributes['name'] ?? '', file] as const]
  }))
}

/** The snapshot's document with other overlays. */
export function withOverlays(document: Element, overlays: ReadonlyMap<string, string>): Element {
  const disks = findAll(find(document, 'disks'), 'disk').map((disk) => {
    const overlay = overlays.get(disk.attributes['name'] ?? '')
    return overlay === undefined ? disk : overlayElement(disk.attributes['name'] ?? '', overlay)
  })
  return { ...document, children: document.children.map((child) => (child.name === 'disks' ? { ...child, children: disks } : child)) }
}

/** A definition whose disks are these overlays. What stands below them libvirt reads from the files. */
export function definitionOn(definition: Element, overlays: ReadonlyMap<string, string>): Element {
  const onOverlay = (disk: Element): Element => {
    const file = overlays.get(find(disk, 'target')?.attributes['dev'] ?? '')
    if (disk.name !== 'disk' || file === undefined) return disk
    const children = disk.children.filter(({ name }) => name !== 'backingStore' && name !== 'mirror').map((child) =>
      child.name === 'source' ? element('source', { file }) : child.name === 'driver' ? { ...child, attributes: { ...child.attributes, type: 'qcow2' } } : child)
    return { ...disk, attributes: { ...disk.attributes, type: 'file' }, children }
  }
  return { ...definition, children: definition.children.map((child) => (child.name === 'devices' ? { ...child, children: child.children.map(onOverlay) } : child)) }
}

/** The disks of a domain's document. */
export function disksOf(document: Element | undefined): readonly Element[] {
  return findAll(find(document, 'devices'), 'disk')
}

function overlayElement(device: string, file: string): Element {
  return { ...element('disk', { name: device, snapshot: 'external', type: 'file' }), children: [element('driver', { type: 'qcow2' }), element('source', { file })] }
}

function element(name: string, attributes: Readonly<Record<string, string>>): Element {
  return { name, attributes, children: [], text: '' }
}
