/**
 * A tar archive of a few files, the same bytes for the same files: POSIX.1-1988 ustar
 * (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06).
 * Everything belongs to root and is dated to the epoch.
 */

/** A file, or without content a directory. */
export interface TarEntry {
  /** Relative, at most 100 bytes. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  readonly content?: string | Uint8Array | undefined
}

const BLOCK = 512

/** Packs the entries in the given order; directories that are not given are left to the unpacker. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const blocks: Uint8Array[] = []
  for (const { path, mode, content } of entries) {
    const data = content === undefined ? Buffer.alloc(0) : Buffer.from(content as Uint8Array)
    blocks.push(header(content === undefined ? `${path}/` : path, mode, content === undefined ? '5' : '0', data.length), data, Buffer.alloc(-data.length & (BLOCK - 1)))
  }
  // The end is two empty blocks; writers fill up to a record of twenty.
  blocks.push(Buffer.alloc(2 * BLOCK))
  const size = blocks.reduce((sum, block) => sum + block.length, 0)
  return Buffer.concat([...blocks, Buffer.alloc((20 * BLOCK - (size % (20 * BLOCK))) % (20 * BLOCK))])
}

function header(path: string, mode: number, type: string, size: number): Uint8Array {
  if (Buffer.byteLength(path) > 100 || path.startsWith('/') || path.includes('\0')) throw new RangeError(`cannot put ${JSON.stringify(path)} into a tar archive`)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, offset: number, length: number): void => void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
  block.write(path, 0, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write(type, 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write('root', 265, 'latin1')
  block.write('root', 297, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
