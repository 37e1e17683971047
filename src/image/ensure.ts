/** The image that a spec describes: is it in the cache, can it be had, and getting it there. */
import { posix } from 'node:path'
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { shownUrl } from '../url.ts'
import { build, buildTraits, checkBuilder } from './build.ts'
import { describe, publish, readCached, type ImageRecord } from './cache.ts'
import { download, downloadTraits } from './download.ts'
import { imageKey as plainKey } from './key.ts'
import { lookAhead, pipelineKey, pipelinePlan, plainSpec, seedExtras } from './pipeline.ts'
import { runPipeline } from './pipeline-run.ts'
import { checkSteps } from './steps/check.ts'
import { remoteSize, type Watch } from './transfer.ts'
import type { BaseImage, ImageSpec } from './types.ts'
import { checkSpec, imageSources } from './verify.ts'
import { checkWorkingDir } from './working-dir.ts'

/** The key of an image in the cache: the same for the same content. @throws InputError for what no image can be made from */
export function imageKey(spec: ImageSpec): string {
  return spec.kind === 'pipeline' ? pipelineKey(spec) : plainKey(spec)
}

/** The image in the cache at `cacheDir`, or undefined. One query, no change. */
export async function inspectImage(host: Host, spec: ImageSpec, cacheDir: string): Promise<BaseImage | undefined> {
  const image = await readCached(host, cacheDir, imageKey(spec))
  return image && told(spec, image)
}

/**
 * Finds out, without changing anything, whether an image can be had. `size`: bytes that it will need, when that is known.
 * @throws InputError image-missing, checksum-missing, checksum-format, image-url, working-dir, image-steps …; TaskError when a program is missing.
 */
export async function checkImageSource(host: Host, spec: ImageSpec): Promise<{ size?: number }> {
  if (spec.kind === 'pipeline') return lookAhead(host, spec)
  if (spec.kind === 'build') return checkBuilder(host, spec)
  const { disk, kernel, initrd } = await imageSources(host, spec)
  const size = await remoteSize(host, disk.url)
  for (const source of [kernel, initrd]) if (source) await remoteSize(host, source.url)
  await checkWorkingDir(host, spec.workingDir)
  return size === undefined ? {} : { size }
}

/** What `ensureImage` will give, as far as it is known beforehand: all but the virtual size, which is 0. */
export function plannedImage(spec: ImageSpec, cacheDir: string): BaseImage {
  const key = imageKey(spec)
  return told(spec, describe(posix.join(cacheDir, key), { key, virtualSize: 0, ...traits(spec) }))
}

/**
 * Sees that the image stands verified in the cache, and gets it there when it does not.
 * In check mode the change is reported only, and what will be there is returned, with a virtual size of 0.
 * An image of a pipeline is made by its steps; when one of them fails, nothing remains but downloads that the next try goes on from.
 */
export async function ensureImage(host: Host, spec: ImageSpec, { cacheDir, ...watch }: { readonly cacheDir: string } & Watch): Promise<BaseImage> {
  const plain = spec.kind === 'pipeline' ? plainSpec(spec) : spec
  const key = imageKey(spec)
  if (plain?.kind === 'download') checkSpec(plain)
  const there = await readCached(host, cacheDir, key)
  if (there !== undefined) return told(spec, there)
  if (spec.kind === 'pipeline') await checkSteps(spec.steps, spec.stepDirs, spec.importModule)
  if (plain?.kind === 'download') await checkWorkingDir(host, plain.workingDir)
  let image = plannedImage(spec, cacheDir)
  const summary = plain?.kind === 'download' ? `download image ${shownUrl(plain.url)}` : plain?.kind === 'build' ? `build image ${key}` : `make image ${key} (${stepNames(spec)})`
  const log = posix.join(cacheDir, `${key}.log`)
  const fill = async ($: Shell, stage: string): Promise<ImageRecord> => {
    if (plain?.kind === 'download') return download(host, $, plain, key, stage, watch)
    if (plain?.kind === 'build') return build(host, $, plain, key, { stage, log }, watch)
    if (spec.kind === 'pipeline') return runPipeline(host, $, spec, key, { stage, log }, watch)
    throw new TaskError('image-spec', 'there is nothing that makes this image', { host: host.name })
  }
  await host.change({ summary }, async ($) => {
    image = told(spec, await publish(host, $, cacheDir, key, (stage) => fill($, stage), watch.signal))
  })
  return image
}

function traits(spec: ImageSpec): Pick<ImageRecord, 'boot' | 'cmdline' | 'seed' | 'initrd'> {
  if (spec.kind === 'download') return downloadTraits(spec)
  if (spec.kind === 'build') return buildTraits(spec)
  const { boot, cmdline, seed, initrd } = pipelinePlan(spec)
  return { boot, seed, initrd: boot === 'kernel' && initrd !== undefined, ...(boot === 'kernel' && { cmdline }) }
}

/** The image with what its pipeline tells the seeds of machines. */
function told(spec: ImageSpec, image: BaseImage): BaseImage {
  return spec.kind === 'pipeline' ? { ...image, ...seedExtras(spec) } : image
}

function stepNames(spec: ImageSpec): string {
  return spec.kind === 'pipeline' ? spec.steps.map(({ step }) => step).join(', ') : spec.kind
}
