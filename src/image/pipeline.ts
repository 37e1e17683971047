/** What a pipeline of steps makes: which image it is, how its machines start, and whether it can be made. Running it: pipeline-run.ts. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { Host } from '../host/index.ts'
import { debianArch, kernelArch } from './arch.ts'
import { imageKey, named } from './key.ts'
import { lastPart } from './location.ts'
import { needPrograms } from './programs.ts'
import { buildSpec } from './steps/build.ts'
import { checkSteps, parseArgs } from './steps/check.ts'
import { fetchSpec } from './steps/fetch.ts'
import { codeOf, findStep } from './steps/registry.ts'
import { build, fetch, seed } from './steps/index.ts'
import { NOTHING, type ImageState, type StepDefinition } from './steps/types.ts'
import type { BaseImage, PipelineSpec, PlainSpec } from './types.ts'

/** A step that needs no loading, with its arguments. */
interface Known {
  readonly definition: StepDefinition
  readonly args: Readonly<Record<string, unknown>>
}

/** The steps that are farm's own; undefined for those that are the project's. @throws InputError as `checkSteps` */
function knownSteps({ steps, stepDirs }: PipelineSpec): (Known | undefined)[] {
  return steps.map((step, index) => {
    const found = findStep(step, stepDirs)
    return 'file' in found ? undefined : { definition: found.builtin, args: parseArgs(found.builtin, step, `step ${index + 1} of the image, ${step.step}`) }
  })
}

/**
 * The plain image that a pipeline comes to, so that it is the same one in the cache: a download or a build with nothing done to it
 * but saying who reads the seed. Undefined for all others.
 */
export function plainSpec(spec: PipelineSpec): PlainSpec | undefined {
  const [first, second, ...more] = knownSteps(spec)
  if (first === undefined || more.length > 0 || spec.steps.length > 2 || (spec.steps.length === 2 && second?.definition.name !== seed.name)) return undefined
  const reader = second === undefined ? undefined : seed.args.parse(second.args).reader
  if (first.definition.name === fetch.name) return { ...fetchSpec(fetch.args.parse(first.args), kernelArch(spec.arch), spec.workingDir), seed: reader ?? 'cloud-init' }
  if (first.definition.name === build.name && (reader ?? 'farm') === 'farm') return buildSpec(build.args.parse(first.args), spec.arch)
  return undefined
}

/** The key of a pipeline's image: made of the steps' names, arguments and code, and of nothing that leaves the content as it is. */
export function pipelineKey(spec: PipelineSpec): string {
  const plain = plainSpec(spec)
  if (plain !== undefined) return imageKey(plain)
  const arch = kernelArch(spec.arch)
  const parts = knownSteps(spec).map((known, index) => {
    const step = spec.steps[index] as PipelineSpec['steps'][number]
    const baseDir = step.location === undefined ? process.cwd() : dirname(step.location.file)
    const { definition, args = step.args } = known ?? {}
    // What a project's step makes of the architecture is not known.
    const content = definition === undefined ? [args, arch] : definition.content === undefined ? args : definition.content(args, arch, baseDir)
    return [step.step, codeOf(findStep(step, spec.stepDirs)), canonical(content)]
  })
  return named(prefix(spec), ['pipeline', parts])
}

function prefix({ steps: [first], arch }: PipelineSpec): string {
  const { suite, url, name } = (first?.args ?? {}) as { suite?: unknown; url?: unknown; name?: unknown }
  if (typeof suite === 'string') return `${suite}-${debianArch(arch) ?? arch}`
  if (typeof url !== 'string') return 'image'
  return (typeof name === 'string' ? name : (lastPart(url) ?? 'image')).replace(/(\.(qcow2|img|raw|tar|gz|bz2|xz|zst|zip|tgz))+$/i, '')
}

/** Plain data with the keys of its maps in order, so that it is written the same however it was. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, canonical(item)]))
  }
  return value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value
}

/** How the image will be, as far as the steps that are farm's own tell. */
export function pipelinePlan(spec: PipelineSpec): ImageState {
  return knownSteps(spec).reduce<ImageState>((state, known) => (known === undefined ? state : { ...state, ...known.definition.plan?.(state, known.args, kernelArch(spec.arch)) }), NOTHING)
}

/** What the pipeline tells the seeds of machines; it is not in the image, and so not in its key. */
export function seedExtras(spec: PipelineSpec): Pick<BaseImage, 'seedPackages' | 'userData'> {
  const { seedPackages, userData } = pipelinePlan(spec)
  return { ...(seedPackages.length > 0 && { seedPackages }), ...(Object.keys(userData).length > 0 && { userData }) }
}

/** Finds out, without changing anything, whether the pipeline can be run. Resolves with the bytes that it takes, as far as known. */
export async function lookAhead(host: Host, spec: PipelineSpec): Promise<{ size?: number }> {
  const steps = await checkSteps(spec.steps, spec.stepDirs, spec.importModule)
  const arch = kernelArch(spec.arch)
  await needPrograms(host, ['qemu-img', ...steps.flatMap(({ definition, args }) => definition.programs?.(args) ?? [])], 'making the image')
  let size: number | undefined
  for (const { definition, args } of steps) {
    const found = await definition.look?.({ host, arch, workingDir: spec.workingDir }, args)
    if (found?.size !== undefined) size = (size ?? 0) + found.size
  }
  return size === undefined ? {} : { size }
}
