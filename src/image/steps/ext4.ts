/**
 * Files in an image that is one ext4 file system, as farm builds them: written by debugfs, which needs neither root nor a mount
 * and is indifferent to the architecture.
 */
import { posix } from 'node:path'
import { TaskError } from '../../errors.ts'
import type { ImageState, StepContext } from './types.ts'

export interface GuestFile {
  /** Absolute, without quotes and control characters. */
  readonly path: string
  readonly mode: number
  readonly content: Uint8Array
}

/** Whether the image is a file system of the ext family from its first byte on (magic number 0xef53 at 1080). */
export async function hasBareExt4({ host, $, path }: StepContext, file: string, format: string): Promise<boolean> {
  const [image, head] = [path(file), `${path(file)}.head`]
  await $`qemu-img dd -f ${format} -O raw bs=4096 count=1 if=${image} of=${head}`
  const { stdout } = await host.query`od -An -v -t x1 -j 1080 -N 2 ${head}`
  await $`rm -f ${head}`
  return stdout.replace(/\s+/g, '') === '53ef'
}

/** Writes the files, as root's, with the directories that are missing; what is there is replaced. The image is raw afterwards. */
export async function writeToExt4({ host, $, path, watch }: StepContext, file: string, format: string, files: readonly GuestFile[]): Promise<Pick<ImageState, 'file' | 'format'>> {
  watch.progress(`writing ${files.length === 1 ? files[0]?.path ?? '' : `${files.length} files`} into the image`)
  if (!(await $({ nothrow: true })`command -v debugfs`).stdout.trim()) throw new TaskError('program-missing', 'writing into the image needs debugfs', { host: host.name, hint: 'install the package e2fsprogs' })
  const [dir, name] = [path('ext4-files'), `${file}.ext4.raw`]
  const raw = path(name)
  await $`rm -rf -- ${dir}; mkdir -m 700 -- ${dir}; qemu-img convert -f ${format} -O raw ${path(file)} ${raw}; rm -f -- ${path(file)}`
  const commands: string[] = []
  for (const [index, { path: target, mode, content }] of files.entries()) {
    await host.writeFile(posix.join(dir, String(index)), content, { mode: 0o600 })
    // What is there already says so, and stays. A directory of the root is made in the present one.
    commands.push('cd /', ...ancestors(target).map((each) => `mkdir "${each}"`), `rm "${target}"`, `cd "${posix.dirname(target)}"`, `write ${index} "${posix.basename(target)}"`)
    for (const [field, value] of [['mode', `0100${mode.toString(8).padStart(3, '0')}`], ['uid', '0'], ['gid', '0']] as const) commands.push(`set_inode_field "${target}" ${field} ${value}`)
  }
  // It says nothing of failures by its exit code: what is in the image is compared.
  const readBack = files.map(({ path: target }, index) => `dump "${target}" ${index}.back`)
  const output = await $({ input: `${[...commands, ...readBack].join('\n')}\n`, cwd: dir })`debugfs -w -f - ${raw} 2>&1`
  const { stdout } = await host.query`cd ${dir}; for file in ${files.map((_, index) => String(index))}; do cmp -s "$file" "$file.back" || echo "$file"; done`
  await $`rm -rf -- ${dir}`
  const wrong = stdout.split('\n').filter(Boolean).map((index) => files[Number(index)]?.path)
  if (wrong.length > 0) throw new TaskError('image-customise', `${wrong.join(', ')} could not be written into the image`, { host: host.name, details: output.stdout.split('\n').filter((line) => line !== '' && !/^debugfs/.test(line)).slice(-10) })
  return { file: name, format: 'raw' }
}

/** `/a`, `/a/b` for `/a/b/c`. */
function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}
