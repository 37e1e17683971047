/** Files and directories of the controller: what there is, and putting files there safely. */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, readlink, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../errors.ts'

/** One entry of a tree. */
export interface LocalEntry {
  /** Relative to the tree's root; `''` is the root itself. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'link'
  /** Permission bits. */
  readonly mode: number
  readonly size: number
  /** Where a link points to. */
  readonly target: string | undefined
}

/**
 * A file, or a directory with all below it, parents first. A link is followed when it is the root, and listed when it is below.
 * @throws InputError `local-file` when there is nothing, or something that cannot be copied
 */
export async function localTree(root: string): Promise<LocalEntry[]> {
  const entries: LocalEntry[] = []
  const add = async (path: string, stats: Stats): Promise<void> => {
    const full = join(root, path)
    const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : undefined
    if (type === undefined) throw new InputError('local-file', `${full} is neither a file nor a directory nor a link, and cannot be copied`)
    entries.push({ path, type, mode: stats.mode & 0o777, size: type === 'file' ? stats.size : 0, target: type === 'link' ? await readlink(full) : undefined })
    if (type !== 'directory') return
    for (const name of (await readdir(full)).sort()) await add(path === '' ? name : `${path}/${name}`, await lstat(join(full, name)))
  }
  const stats = await stat(root).catch((error: Error) => {
    throw new InputError('local-file', `cannot read ${root} on the controller: ${'code' in error && error.code === 'ENOENT' ? 'there is no such file' : error.message}`)
  })
  await add('', stats)
  return entries
}

/** The digest of a file, in lower-case hexadecimal. */
export async function localDigest(path: string, signal?: AbortSignal, algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<string> {
  const hash = createHash(algorithm)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
    signal?.throwIfAborted()
    hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}

/** A file that is being written; it takes its place when it is complete. */
export class PendingFile {
  readonly #path: string
  readonly #temporary: string
  readonly #handle: FileHandle
  readonly #hash = createHash('sha256')

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.#path = path
    this.#temporary = temporary
    this.#handle = handle
  }

  static async open(path: string): Promise<PendingFile> {
    const temporary = join(dirname(path), `.farm-${randomBytes(6).toString('hex')}`)
    return new PendingFile(path, temporary, await open(temporary, 'wx', 0o600))
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes)
    for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten
  }

  /** Puts the file in its place, if its digest is the expected one; answers whether it is. */
  async finish(sha256: string, mode: number): Promise<boolean> {
    if (this.#hash.digest('hex') !== sha256) return false
    await this.#handle.chmod(mode)
    await this.#handle.close()
    await rename(this.#temporary, this.#path)
    return true
  }

  /** Removes what is not in its place; does nothing otherwise. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await rm(this.#temporary, { force: true })
  }
}

/** Makes directories one by one below `root`, and refuses to go through a link: what is written stays below `root`. */
export async function directoryWithin(root: string, path: string): Promise<void> {
  let full = root
  for (const part of path.split('/').filter((each) => each !== '')) {
    full = join(full, part)
    const stats = await lstat(full).catch(() => undefined)
    if (stats === undefined) await mkdir(full)
    else if (!stats.isDirectory()) throw new InputError('local-file', `${full} is ${stats.isSymbolicLink() ? 'a link' : 'not a directory'}, and nothing is written through it`)
  }
}

/** Sets permissions where they differ. */
export async function ensureLocalMode(path: string, mode: number): Promise<void> {
  if (((await lstat(path)).mode & 0o777) !== mode) await chmod(path, mode)
}
