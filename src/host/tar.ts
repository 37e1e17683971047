/**
 * Headers of tar archives: POSIX.1-1988 ustar
 * (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06).
 * Everything belongs to root and is dated to the epoch.
 */

/** Archives consist of blocks of so many bytes. */
export const TAR_BLOCK = 512

/** The most that eleven octal digits can say. */
const OCTAL_LIMIT = 8 ** 11

/** What a header says of its member. */
export interface TarMember {
  /** Relative, at most 100 bytes. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  readonly type: 'file' | 'directory'
  /** Bytes that follow, without the padding. */
  readonly size: number
}

/** The block that stands before a member's bytes. */
export function tarHeader({ path, mode, type, size }: TarMember): Buffer {
  if (Buffer.byteLength(path) > 100 || path.startsWith('/') || path.includes('\0')) throw new RangeError(`cannot put ${JSON.stringify(path)} into a tar archive`)
  const block = Buffer.alloc(TAR_BLOCK)
  const octal = (value: number, offset: number, length: number): void => void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
  block.write(path, 0, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  if (size < OCTAL_LIMIT) octal(size, 124, 12)
  else {
    // Binary, as GNU tar writes what eleven octal digits cannot say; busybox reads it too.
    block[124] = 0x80
    block.writeBigUInt64BE(BigInt(size), 128)
  }
  octal(0, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write(type === 'file' ? '0' : '5', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write('root', 265, 'latin1')
  block.write('root', 297, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** What fills a member's last block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK)
}

/** What stands after the last member. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * TAR_BLOCK)
}
