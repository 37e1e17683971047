/**
 * Writes a small read-only disk: ISO 9660 (ECMA-119, 4th edition; the numbers of sections below are its) with the Joliet extension
 * (Joliet Specification, Microsoft 1995), whose names may be long and in lower case. One level of directories, no dates: the same
 * files give the same bytes. cloud-init's NoCloud reads such a disk when its volume is named `cidata`.
 */

/** A file on the disk: `name` or `dir/name`. */
export interface IsoFile {
  readonly path: string
  readonly content: string | Uint8Array
}

const SECTOR = 2048
/** Sectors of the volume descriptors: 16 primary, 17 Joliet, 18 terminator (6.7.1). */
const FIRST_FREE = 19

interface Node {
  readonly name: string
  readonly data: Uint8Array
  readonly children: Node[] | undefined
  /** First sector of a file's content. */
  sector: number
}

/** How one of the two trees writes names and text. */
interface Tree {
  readonly joliet: boolean
  /** Sector of the little-endian path table; the big-endian one follows. */
  readonly pathTable: number
  /** Sector of each directory: the root, then its directories in order. */
  readonly dirs: number[]
}

/** Builds the disk. `volume` has at most 16 characters. */
export function iso9660(volume: string, files: readonly IsoFile[]): Uint8Array {
  const root = plant(files)
  const subs = root.children?.filter((node) => node.children) ?? []
  let next = FIRST_FREE
  const take = (sectors: number): number => ((next += sectors), next - sectors)
  const trees = [false, true].map((joliet): Tree => ({ joliet, pathTable: take(2), dirs: [root, ...subs].map(() => take(1)) }))
  const contents = [root, ...subs].flatMap((dir) => dir.children ?? []).filter((node) => !node.children)
  for (const node of contents) node.sector = take(Math.ceil(node.data.length / SECTOR))

  const image = Buffer.alloc(next * SECTOR)
  trees.forEach((tree, index) => {
    const table = pathTable(tree, subs, false)
    descriptor(tree, volume, next, table.length).copy(image, (16 + index) * SECTOR)
    table.copy(image, tree.pathTable * SECTOR)
    pathTable(tree, subs, true).copy(image, (tree.pathTable + 1) * SECTOR)
    for (const [at, dir] of [root, ...subs].entries()) directory(tree, dir, at, subs).copy(image, (tree.dirs[at] as number) * SECTOR)
  })
  image.write('\xffCD001\x01', 18 * SECTOR, 'latin1')
  for (const node of contents) image.set(node.data, node.sector * SECTOR)
  return image
}

function plant(files: readonly IsoFile[]): Node {
  const root: Node = { name: '', data: Buffer.alloc(0), children: [], sector: 0 }
  for (const { path, content } of files) {
    const [name = '', dirName, ...rest] = path.split('/').reverse()
    if (rest.length > 0 || !/^[\w.-]{1,64}$/.test(name)) throw new RangeError(`cannot put ${JSON.stringify(path)} on a seed disk`)
    let parent = root
    if (dirName !== undefined) {
      parent = root.children?.find((node) => node.name === dirName) ?? { name: dirName, data: Buffer.alloc(0), children: [], sector: 0 }
      if (!root.children?.includes(parent)) root.children?.push(parent)
    }
    parent.children?.push({ name, data: Buffer.from(content as Uint8Array), children: undefined, sector: 0 })
  }
  return root
}

/** A name of level 1: eight and three upper-case letters, digits and underscores (7.5.1); for readers without Joliet. */
function shortName({ name, children }: Node): string {
  const clean = (text: string, length: number): string => text.toUpperCase().replace(/[^A-Z0-9]/g, '_').slice(0, length)
  if (children) return clean(name, 8)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? `${clean(name.slice(0, dot), 8)}.${clean(name.slice(dot + 1), 3)};1` : `${clean(name, 8)}.;1`
}

function identifier(tree: Tree, node: Node): Buffer {
  return tree.joliet ? ucs2(node.children ? node.name : `${node.name};1`) : Buffer.from(shortName(node), 'latin1')
}

/** Directory records of one sector (9.1), sorted by identifier (9.3). */
function directory(tree: Tree, dir: Node, at: number, subs: readonly Node[]): Buffer {
  const own = tree.dirs[at] as number
  const records = [record(Buffer.from([0]), own, SECTOR, true), record(Buffer.from([1]), tree.dirs[0] as number, SECTOR, true)]
  const children = (dir.children ?? []).map((node) => ({ node, id: identifier(tree, node) })).sort((a, b) => Buffer.compare(a.id, b.id))
  for (const [index, { id }] of children.entries()) if (index > 0 && children[index - 1]?.id.equals(id)) throw new RangeError(`two files of a seed disk have the name ${id.toString('latin1')}`)
  for (const { node, id } of children) {
    if (node.children) records.push(record(id, tree.dirs[1 + subs.indexOf(node)] as number, SECTOR, true))
    else records.push(record(id, node.sector, node.data.length, false))
  }
  const all = Buffer.concat(records)
  if (all.length > SECTOR) throw new RangeError('too many files for a seed disk')
  return Buffer.concat([all, Buffer.alloc(SECTOR - all.length)])
}

function record(id: Buffer, sector: number, size: number, isDirectory: boolean): Buffer {
  const block = Buffer.alloc((33 + id.length + 1) & ~1)
  block[0] = block.length
  both32(block, 2, sector)
  both32(block, 10, size)
  block.set([70, 1, 1, 0, 0, 0, 0], 18)
  block[25] = isDirectory ? 2 : 0
  both16(block, 28, 1)
  block[32] = id.length
  block.set(id, 33)
  return block
}

/** Path table (9.4): the root, then its directories sorted by identifier, as numbers of the given byte order. */
function pathTable(tree: Tree, subs: readonly Node[], bigEndian: boolean): Buffer {
  const entries = subs.map((node, index) => ({ id: identifier(tree, node), sector: tree.dirs[index + 1] as number })).sort((a, b) => Buffer.compare(a.id, b.id))
  return Buffer.concat([{ id: Buffer.from([0]), sector: tree.dirs[0] as number }, ...entries].map(({ id, sector }) => {
    const block = Buffer.alloc((8 + id.length + 1) & ~1)
    block[0] = id.length
    if (bigEndian) block.writeUInt32BE(sector, 2), block.writeUInt16BE(1, 6)
    else block.writeUInt32LE(sector, 2), block.writeUInt16LE(1, 6)
    block.set(id, 8)
    return block
  }))
}

/** Primary (8.4) or Joliet's supplementary (8.5) volume descriptor. */
function descriptor(tree: Tree, volume: string, sectors: number, tableSize: number): Buffer {
  const block = Buffer.alloc(SECTOR)
  const text = (value: string, offset: number, length: number): void => {
    block.set(tree.joliet ? ucs2(value.padEnd(length >> 1)).subarray(0, length) : Buffer.from(value.padEnd(length), 'latin1'), offset)
  }
  block.write(`${tree.joliet ? '\x02' : '\x01'}CD001\x01`, 0, 'latin1')
  text('', 8, 32)
  text(volume, 40, 32)
  both32(block, 80, sectors)
  // Escape sequence of UCS-2 level 3: this is Joliet.
  if (tree.joliet) block.write('%/E', 88, 'latin1')
  both16(block, 120, 1)
  both16(block, 124, 1)
  both16(block, 128, SECTOR)
  both32(block, 132, tableSize)
  block.writeUInt32LE(tree.pathTable, 140)
  block.writeUInt32BE(tree.pathTable + 1, 148)
  block.set(record(Buffer.from([0]), tree.dirs[0] as number, SECTOR, true), 156)
  text('', 190, 128)
  text('', 318, 128)
  text('', 446, 128)
  text('FARM', 574, 128)
  text('', 702, 37)
  text('', 739, 37)
  text('', 776, 37)
  for (const offset of [813, 830, 847, 864]) block.write('0000000000000000\0', offset, 'latin1')
  block[881] = 1
  return block
}

/** Numbers are written in both byte orders (7.2.3, 7.3.3). */
function both16(block: Buffer, offset: number, value: number): void {
  block.writeUInt16LE(value, offset)
  block.writeUInt16BE(value, offset + 2)
}

function both32(block: Buffer, offset: number, value: number): void {
  block.writeUInt32LE(value, offset)
  block.writeUInt32BE(value, offset + 4)
}

function ucs2(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}
