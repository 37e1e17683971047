/** Files of a pipeline's stage directory: names that stay in it, and what kind of image a file is. */
import { posix } from 'node:path'
import { z } from 'zod'
import { InputError, TaskError } from '../../errors.ts'
import type { Host } from '../../host/index.ts'
import { HEADER_BYTES } from '../format.ts'
import type { ImageState, StepContext } from './types.ts'

/** Whether a name is one of a file in the stage directory. */
export function staysInside(name: string): boolean {
  const normal = posix.normalize(name)
  return name !== '' && !/[\0-\x1f]/.test(name) && !normal.startsWith('/') && normal !== '.' && normal !== '..' && !normal.startsWith('../') && !normal.endsWith('/')
}

/** A file in the stage directory, as steps name them. */
export const stageFile = z.string().refine(staysInside, { message: 'expected a path that is relative to the stage directory and stays in it' })

/** The absolute path of a name in `stage`. @throws InputError image-path */
export function inside(stage: string, name: string): string {
  if (!staysInside(name)) throw new InputError('image-path', `${JSON.stringify(name)} is not a path in the stage directory`, { hint: 'write it relative to that, without leading dots' })
  return posix.join(stage, name)
}

/** The image that a step works on. @throws InputError image-missing when none is chosen yet */
export function current({ state, host }: Pick<StepContext, 'state' | 'host'>): { readonly file: string; readonly format: string } {
  const { file, format } = state
  if (file === undefined) throw new InputError('image-missing', 'no step has said yet which file is the image', { host: host.name, hint: 'choose it with a step copy' })
  if (format === undefined) throw new InputError('image-format', `${file} is no disk image`, { host: host.name, hint: 'unpack it with a step unarchive; or, if it is an image of a kind that cannot be told by its content, name that with a step convert' })
  return { file, format }
}

/** Starts of files, as qemu-img calls what they are. */
const DISKS: readonly (readonly [string, string])[] = [['QFI\xfb', 'qcow2'], ['KDMV', 'vmdk'], ['vhdxfile', 'vhdx'], ['conectix', 'vpc'], ['<<< ', 'vdi'], ['QED\0', 'qed']]
/** Starts of files that are no disks. */
const PACKED: readonly (readonly [string, Packing])[] = [['\x1f\x8b', 'gz'], ['\xfd7zXZ', 'xz'], ['(\xb5/\xfd', 'zst'], ['BZh', 'bz2'], ['PK\x03\x04', 'zip']]

export type Packing = 'gz' | 'xz' | 'zst' | 'bz2' | 'zip' | 'tar'

/** What a file is by its first bytes; raw is whatever nothing else claims. */
export async function kindOf(host: Host, path: string): Promise<{ readonly disk: string } | { readonly packed: Packing }> {
  const head = await host.query({ nothrow: true })`od -An -v -t x1 -N 512 ${path}`
  if (head.exitCode !== 0) throw new TaskError('image-missing', `there is no file ${posix.basename(path)} among those that the steps before have made`, { host: host.name })
  const bytes = Buffer.from(head.stdout.replace(/\s+/g, ''), 'hex').toString('latin1')
  const packed = PACKED.find(([start]) => bytes.startsWith(start))?.[1] ?? (bytes.slice(257, 262) === 'ustar' ? 'tar' : undefined)
  if (packed !== undefined) return { packed }
  return { disk: DISKS.find(([start]) => bytes.startsWith(start))?.[1] ?? 'raw' }
}

/** The first bytes of a file, for `imageFormat`. */
export async function headerOf(host: Host, path: string): Promise<Buffer> {
  return Buffer.from((await host.query`od -An -v -t x1 -N ${HEADER_BYTES} ${path}`).stdout.replace(/\s+/g, ''), 'hex')
}

/** A file as the image: what it is, as far as it can be told. */
export async function asImage(context: Pick<StepContext, 'host' | 'path'>, file: string): Promise<Pick<ImageState, 'file' | 'format'>> {
  const kind = await kindOf(context.host, context.path(file))
  return { file, format: 'disk' in kind ? kind.disk : undefined }
}

/** Sees that a file shares its content with no other name, before it is written to: a download that is kept for the next try may be one. */
export async function unshare({ $ }: Pick<StepContext, '$'>, path: string): Promise<void> {
  await $`file=${path}; [ "$(stat -c %h "$file")" = 1 ] || { cp -- "$file" "$file.own"; mv -f -- "$file.own" "$file"; }`
}
