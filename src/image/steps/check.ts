/** A pipeline as it is written, against the steps that there are: everything wrong in it, found before any host is touched. */
import { dirname } from 'node:path'
import type { z } from 'zod'
import { CapacityError, FarmError, formatLocation, InputError, TaskError, TemporaryError, UnreachableError, type Location } from '../../errors.ts'
import { explainIssues } from '../../ensure/issues.ts'
import { concealAll } from '../../secrets.ts'
import { metaOf } from '../../vars/shape.ts'
import type { ImageStep, ImportModule } from '../types.ts'
import { findStep } from './registry.ts'
import type { StepDefinition } from './types.ts'

/** A step that is ready to run. */
export interface ReadyStep {
  readonly definition: StepDefinition
  readonly args: Readonly<Record<string, unknown>>
  readonly location: Location | undefined
  /** What paths on the controller are relative to. */
  readonly baseDir: string
}

interface Problem {
  readonly text: string
  readonly location: Location | undefined
  readonly hint: string | undefined
  readonly details: readonly string[]
}

/**
 * Finds and loads the steps, and judges their names, arguments and order.
 * @param stepDirs - directories on the controller with the project's own steps
 * @throws InputError image-steps, or what the only mistake is called; its details name each mistake and where it is written
 */
export async function checkSteps(steps: readonly ImageStep[], stepDirs: readonly string[], importModule?: ImportModule): Promise<readonly ReadyStep[]> {
  const problems: Problem[] = []
  const ready: ReadyStep[] = []
  if (steps.length === 0) throw new InputError('image-steps', 'the image has no steps', { hint: 'begin with a step fetch or build' })
  for (const [index, step] of steps.entries()) {
    const label = `step ${index + 1} of the image, ${step.step}`
    try {
      const definition = await definitionOf(step, stepDirs, importModule)
      if (index === 0 && definition.brings !== true) problems.push({ text: `${label}, comes first and brings no image`, location: step.location, hint: 'begin with a step fetch or build', details: [] })
      ready.push({ definition, args: parseArgs(definition, step, label), location: step.location, baseDir: step.location === undefined ? process.cwd() : dirname(step.location.file) })
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      problems.push({ text: error.message, location: error.location ?? step.location, hint: error.hint, details: error.details })
      if (error.code === 'image-step-unknown' && steps.length === 1) throw error
    }
  }
  const [first] = problems
  if (first === undefined) return ready
  const lines = problems.flatMap(({ text, location, details }) => [location === undefined ? text : `${text} (${formatLocation(location)})`, ...details.map((line) => `  ${line}`)])
  throw new InputError('image-steps', problems.length === 1 ? first.text : `${problems.length} mistakes in the steps of an image`, {
    location: first.location,
    hint: problems.find(({ hint }) => hint !== undefined)?.hint,
    details: problems.length === 1 ? first.details : lines,
  })
}

/** The arguments as the step's schema makes them. @throws InputError image-step-arguments */
export function parseArgs(definition: StepDefinition, { args, location }: ImageStep, label: string): Readonly<Record<string, unknown>> {
  for (const [name, field] of Object.entries(definition.args.shape)) if (metaOf(field as z.core.$ZodType).secret) concealAll(args[name])
  // What a definition leaves empty, or an expression makes null, is not given.
  const result = definition.args.safeParse(Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null && value !== undefined)))
  if (result.success) return result.data
  const [only, ...more] = explainIssues(result.error)
  const known = Object.keys(definition.args.shape)
  throw new InputError('image-step-arguments', `${label}: ${more.length === 0 ? only : `${more.length + 1} of its arguments are not usable`}`, {
    location,
    hint: known.length === 0 ? 'it has no arguments' : `its arguments are ${known.join(', ')}`,
    details: more.length === 0 ? [] : [only ?? '', ...more],
  })
}

async function definitionOf(step: ImageStep, stepDirs: readonly string[], importModule: ImportModule | undefined): Promise<StepDefinition> {
  const found = findStep(step, stepDirs)
  if ('builtin' in found) return found.builtin
  if (importModule === undefined) throw new TypeError(`nothing was given to load ${found.file} with`)
  const module = await importModule(found.file)
  const definition = module['default']
  if (!isDefinition(definition)) throw new InputError('image-step', `${found.file} does not export an image step`, { location: { file: found.file }, hint: 'export default imageStep({ name, description, args, run })' })
  if (definition.name !== step.step) throw new InputError('image-step', `${found.file} calls its step ${JSON.stringify(definition.name)}`, { location: { file: found.file }, hint: `a step is named as its file: ${step.step}` })
  return definition
}

function isDefinition(value: unknown): value is StepDefinition {
  if (typeof value !== 'object' || value === null) return false
  const { name, description, args, run } = value as Partial<StepDefinition>
  return typeof name === 'string' && typeof description === 'string' && typeof run === 'function' && typeof args?.safeParse === 'function' && typeof args.shape === 'object'
}

/** What went wrong in a step, with the step's place; what farm does not expect is the step's fault. */
export function stepFailure(error: unknown, { definition, location }: ReadyStep, host: string): unknown {
  if (error instanceof FarmError && (error.location !== undefined || location === undefined || error.exitCode > 100)) return error
  if (error instanceof FarmError) {
    // The class decides about more than the exit code: the connection of an UnreachableError is not used any more.
    const facts = { host: error.host ?? host, hint: error.hint, details: error.details, location, cause: error }
    const Kind = [UnreachableError, InputError, CapacityError, TemporaryError].find((kind) => error instanceof kind) ?? TaskError
    return new Kind(error.code, `image step ${definition.name}: ${error.message}`, facts)
  }
  const message = error instanceof Error ? error.message : String(error)
  return new TaskError('image-step', `image step ${definition.name}: ${message.split('\n')[0]}`, { host, location, details: message.split('\n').slice(1), cause: error })
}
