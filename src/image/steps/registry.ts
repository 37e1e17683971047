/** Finding the step of a name: in the project's directories, else among farm's own. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { nearest } from '../../suggest.ts'
import type { ImageStep } from '../types.ts'
import { STEPS } from './index.ts'
import type { StepDefinition } from './types.ts'

/** Where a step is: in a file of the project, or in farm. */
export type FoundStep = { readonly file: string } | { readonly builtin: StepDefinition }

const ENDING = /\.(ts|mts|js|mjs)$/

/**
 * The step of this name; the first directory that has it wins, and any of them over farm.
 * @throws InputError image-step-unknown with the names that there are and the places that were searched
 */
export function findStep({ step, location }: Pick<ImageStep, 'step' | 'location'>, stepDirs: readonly string[]): FoundStep {
  // A name with a slash in it would lead elsewhere.
  if (/^[A-Za-z][\w-]*$/.test(step)) {
    for (const dir of stepDirs) {
      const file = ['.ts', '.mts', '.js', '.mjs'].map((ending) => join(dir, `${step}${ending}`)).find((path) => existsSync(path))
      if (file !== undefined) return { file }
    }
    const builtin = STEPS.get(step)
    if (builtin !== undefined) return { builtin }
  }
  const known = [...new Set([...STEPS.keys(), ...stepDirs.flatMap(namesIn)])]
  const near = nearest(step, known)
  throw new InputError('image-step-unknown', `there is no image step ${JSON.stringify(step)}`, {
    location,
    hint: `${near === undefined ? '' : `did you mean ${near}? `}known are ${known.join(', ')}`,
    details: [`searched in ${stepDirs.length === 0 ? "farm's own steps" : `${stepDirs.join(', ')}, and farm's own steps`}`],
  })
}

/** What a step's code is, for the key of an image. */
export function codeOf(found: FoundStep): string {
  return 'file' in found ? createHash('sha256').update(readFileSync(found.file)).digest('hex') : String(found.builtin.version ?? 1)
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => ENDING.test(name) && !name.endsWith('.d.ts')).map((name) => name.replace(ENDING, ''))
  } catch {
    return []
  }
}
