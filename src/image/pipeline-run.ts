/** Running a pipeline: one step after the other in a directory of its own, and then what they made becomes an image of the cache. */
import { posix } from 'node:path'
import { InterruptedError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { kernelArch } from './arch.ts'
import type { ImageRecord } from './cache.ts'
import { imageFormat } from './format.ts'
import { checkSteps, stepFailure } from './steps/check.ts'
import { current, headerOf, inside } from './steps/files.ts'
import { virtualSize } from './steps/size.ts'
import { NOTHING, type ImageState, type StepContext } from './steps/types.ts'
import type { Watch } from './transfer.ts'
import type { PipelineSpec } from './types.ts'

/**
 * Fills `stage` with disk.qcow2 and, where there is a kernel, vmlinuz and initrd.img.
 * @param log - where a step keeps a log when it fails
 * @throws what a step throws, with the step's place
 */
export async function runPipeline(host: Host, $: Shell, spec: PipelineSpec, key: string, { stage, log }: { readonly stage: string; readonly log: string }, watch: Watch): Promise<ImageRecord> {
  const steps = await checkSteps(spec.steps, spec.stepDirs, spec.importModule)
  const work = posix.join(stage, 'work')
  await $`mkdir -m 700 ${work}`
  const last: (() => Promise<unknown>)[] = []
  let state: ImageState = NOTHING
  for (const [index, step] of steps.entries()) {
    if (watch.signal?.aborted) throw new InterruptedError()
    const { definition, args, baseDir } = step
    const progress = (message: string): void => watch.progress(`${definition.name} (step ${index + 1} of ${steps.length}): ${message}`)
    const context: StepContext = {
      host, $, stage: work, arch: kernelArch(spec.arch), workingDir: spec.workingDir, key, log, baseDir, state,
      watch: { ...watch, progress },
      path: (name) => inside(work, name),
      afterwards: (task) => void last.push(task),
    }
    try {
      state = { ...state, ...((await definition.run(context, args)) ?? {}) }
    } catch (error) {
      throw stepFailure(error, step, host.name)
    }
  }
  const size = await finish(host, $, stage, work, state, watch)
  for (const task of last) await task()
  const { boot, cmdline, initrd, seed } = state
  return { key, origin: origin(spec), virtualSize: size, boot, initrd: boot === 'kernel' && initrd !== undefined, ...(boot === 'kernel' && cmdline !== undefined && { cmdline }), seed, steps: steps.map(({ definition }) => definition.name), made: new Date().toISOString() }
}

/** Takes image, kernel and initial RAM disk out of what the steps have made, and removes the rest. Resolves with the disk's virtual size. */
async function finish(host: Host, $: Shell, stage: string, work: string, state: ImageState, watch: Watch): Promise<number> {
  const { file } = current({ state, host })
  const path = (name: string): string => inside(work, name)
  // Only now: a project's step may have made it with programs that farm knows nothing of.
  const { format } = imageFormat(await headerOf(host, path(file)), file)
  const disk = posix.join(stage, 'disk.qcow2')
  if (format === 'qcow2') await $`mv -f -- ${path(file)} ${disk}`
  else {
    watch.progress('making the image qcow2')
    await $`qemu-img convert -f raw -O qcow2 ${path(file)} ${disk}`
  }
  if (state.boot === 'kernel' && state.kernel !== undefined) await $`mv -f -- ${path(state.kernel)} ${posix.join(stage, 'vmlinuz')}`
  if (state.boot === 'kernel' && state.initrd !== undefined) await $`mv -f -- ${path(state.initrd)} ${posix.join(stage, 'initrd.img')}`
  await $`rm -rf -- ${work}`
  return virtualSize({ host, path: () => disk }, disk, 'qcow2')
}

/** Where the image came from, for its record: nothing that may be secret. */
function origin({ steps }: PipelineSpec): string {
  return `steps ${steps.map(({ step }) => step).join(', ')}`
}
