/** A tar archive of a few files, the same bytes for the same files. Everything belongs to root and is dated to the epoch. */
import { TAR_BLOCK, tarEnd, tarHeader, tarPadding } from '../host/index.ts'

/** A file, or without content a directory. */
export interface TarEntry {
  /** Relative, at most 100 bytes. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  readonly content?: string | Uint8Array | undefined
}

/** Packs the entries in the given order; directories that are not given are left to the unpacker. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const blocks: Uint8Array[] = []
  for (const { path, mode, content } of entries) {
    const data = content === undefined ? Buffer.alloc(0) : Buffer.from(content as Uint8Array)
    const type = content === undefined ? 'directory' : 'file'
    blocks.push(tarHeader({ path: type === 'directory' ? `${path}/` : path, mode, type, size: data.length }), data, tarPadding(data.length))
  }
  blocks.push(tarEnd())
  // Writers fill up to a record of twenty blocks.
  const record = 20 * TAR_BLOCK
  const size = blocks.reduce((sum, block) => sum + block.length, 0)
  return Buffer.concat([...blocks, Buffer.alloc((record - (size % record)) % record)])
}
