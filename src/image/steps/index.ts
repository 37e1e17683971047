/** The steps that farm brings. Start with types.ts; a project's own step is found by registry.ts. */
import { build } from './build.ts'
import { convert } from './convert.ts'
import { copy } from './copy.ts'
import { customise } from './customise.ts'
import { fetch } from './fetch.ts'
import { resize } from './resize.ts'
import { seed } from './seed.ts'
import type { StepDefinition } from './types.ts'
import { unarchive } from './unarchive.ts'

/** By name, in the order in which a pipeline usually has them. */
export const STEPS: ReadonlyMap<string, StepDefinition> = new Map([fetch, build, copy, unarchive, convert, resize, customise, seed].map((step) => [step.name, step as unknown as StepDefinition]))

export { build, fetch, seed }
