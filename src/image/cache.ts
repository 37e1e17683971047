/**
 * The cache of base images on a hypervisor: one directory for each, named by its key. It appears by a single rename once all in it
 * has been verified; so what is there can be trusted, and what is not finished is never seen.
 */
import { posix } from 'node:path'
import { CapacityError, FarmError, TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { removeTree } from './remove.ts'
import { inTurn, oneByOne } from './turn.ts'
import type { BaseImage, Boot, SeedReader } from './types.ts'

/** What image.json says. */
export interface ImageRecord {
  readonly key: string
  /** Where it came from: an address, or the suite and mirror. */
  readonly origin: string
  readonly algorithm?: string | undefined
  readonly checksum?: string | undefined
  /** Bytes. */
  readonly virtualSize: number
  readonly boot: Boot
  readonly initrd: boolean
  readonly cmdline?: string | undefined
  readonly seed: SeedReader
  readonly packages?: readonly string[] | undefined
  /** Names of the steps that made it, in order. */
  readonly steps?: readonly string[] | undefined
  /** ISO 8601. */
  readonly made: string
}

/** Reads an image's record; undefined when the cache does not have it. One query. */
export async function readCached(host: Host, cacheDir: string, key: string): Promise<BaseImage | undefined> {
  const dir = posix.join(cacheDir, key)
  const { stdout, exitCode } = await host.query({ nothrow: true })`if [ -f ${`${dir}/disk.qcow2`} ] && [ -f ${`${dir}/image.json`} ]; then cat ${`${dir}/image.json`}; fi`
  if (exitCode !== 0 || stdout.trim() === '') return undefined
  try {
    return describe(dir, JSON.parse(stdout) as ImageRecord)
  } catch (cause) {
    throw new TaskError('image-record', `${dir}/image.json cannot be read`, { host: host.name, hint: `remove the directory if no machine uses it: rm -r ${dir}`, cause })
  }
}

/** The image as machines use it. */
export function describe(dir: string, record: Pick<ImageRecord, 'key' | 'virtualSize' | 'boot' | 'initrd' | 'cmdline' | 'seed'>): BaseImage {
  const { key, virtualSize, boot, cmdline, seed } = record
  return {
    key,
    dir,
    disk: `${dir}/disk.qcow2`,
    virtualSize,
    boot,
    seed,
    ...(boot === 'kernel' && { kernel: `${dir}/vmlinuz` }),
    ...(record.initrd && { initrd: `${dir}/initrd.img` }),
    ...(cmdline !== undefined && { cmdline }),
  }
}

/**
 * Makes an image in a directory beside its place, and moves it there when `fill` has filled it. On failure nothing remains.
 * When somebody else was at it, waits and takes theirs.
 */
export async function publish(host: Host, $: Shell, cacheDir: string, key: string, fill: (stage: string) => Promise<ImageRecord>, signal?: AbortSignal): Promise<BaseImage> {
  await $`umask 022; mkdir -p ${cacheDir}`
  const work = async (): Promise<BaseImage> => (await readCached(host, cacheDir, key)) ?? make(host, $, cacheDir, key, fill)
  return oneByOne(host, () => inTurn(host, posix.join(cacheDir, `.${key}.lock`), work), signal)
}

async function make(host: Host, $: Shell, cacheDir: string, key: string, fill: (stage: string) => Promise<ImageRecord>): Promise<BaseImage> {
  const dir = posix.join(cacheDir, key)
  const stage = posix.join(cacheDir, `.${key}.new`)
  await removeTree(host, $, stage)
  await $`mkdir -m 700 ${stage}`
  try {
    const record = await fill(stage)
    await host.writeFile(`${stage}/image.json`, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o444 })
    // A directory without a record is none of ours and nothing to keep.
    await removeTree(host, $, dir)
    // Guests' emulators run as another user.
    await $`cd ${stage}; chmod 0444 *; chmod 0755 .; sync * 2>/dev/null || sync; mv -T ${stage} ${dir}`
    return describe(dir, record)
  } catch (error) {
    // Of one that was interrupted nothing remains either.
    await removeTree(host, host.lasting, stage).then(undefined, () => undefined)
    if (error instanceof FarmError && /No space left on device/.test([error.message, ...error.details].join('\n'))) {
      throw new CapacityError('no-space', `there is no space left for the image in ${cacheDir}`, { host: host.name, hint: `free some, or set vm_image_cache to another directory`, details: error.details, cause: error })
    }
    throw error
  }
}
