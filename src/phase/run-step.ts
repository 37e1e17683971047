/** One step of a phase in YAML, on the machine. */
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { TaskError } from '../errors.ts'
import { describeValue } from '../vars/index.ts'
import { renderValue, templateContext, type Locate } from './render.ts'
import type { PhaseBecome, PhaseHands } from './types.ts'

/** A boolean, or a template that gives one. */
export interface Condition {
  readonly value: unknown
  readonly locate: Locate
}

/** A step, read and checked. */
export interface Step {
  readonly title: string
  /** The file that it is written in. */
  readonly file: string
  readonly primitive: string
  /** Templates are not rendered yet. */
  readonly args: Readonly<Record<string, unknown>>
  /** Where an argument was written. */
  readonly locate: Locate
  readonly when: readonly Condition[]
  readonly become: PhaseBecome
  readonly ignoreErrors: boolean
  readonly timeout: number | undefined
}

/** Primitives whose `src` is a file of the controller. */
const SENDING = ['copy', 'template', 'archive']

/** Runs a step whose conditions hold. */
export async function runStep({ primitive, args, locate, when, file }: Step, hands: PhaseHands): Promise<unknown> {
  const context = templateContext(hands)
  for (const condition of when) {
    const holds = renderValue(condition.value, context, [], condition.locate)
    if (typeof holds !== 'boolean') {
      throw new TaskError('not-a-boolean', `a condition is true or false, got ${describeValue(holds)}`, {
        host: hands.host.name,
        location: condition.locate([]),
        hint: 'compare it with something: {{eq x "text"}}',
      })
    }
    if (!holds) return hands.skip(typeof condition.value === 'boolean' ? 'when is false' : `${String(condition.value)} is false`)
  }
  const rendered = renderValue(args, context, [], locate) as Record<string, unknown>
  const ensure = hands.ensure as unknown as Readonly<Record<string, (args: unknown) => Promise<unknown>>>
  return ensure[primitive]?.(SENDING.includes(primitive) ? besideFile(rendered, file) : rendered)
}

/** A relative `src` is a file beside the phase when there is such a file, else one of the user's project, as in recipes. */
function besideFile(args: Record<string, unknown>, file: string): Record<string, unknown> {
  const { src } = args
  if (typeof src !== 'string' || isAbsolute(src) || src.startsWith('~')) return args
  const near = join(dirname(file), src)
  return existsSync(near) || existsSync(`${near}.hbs`) ? { ...args, src: near } : args
}
