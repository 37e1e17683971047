/** The steps of a machine's life by the names that `allowed_phases` and `--phases` have for them, and the names of snapshots. */
import { z } from 'zod'
import { InputError } from '../errors.ts'
import { nearest } from '../suggest.ts'

/** All steps, in the order in which they come. */
export const LIFE_STEPS = ['startup', 'restore init', 'restore clean', 'create clean', 'dependencies', 'init', 'create init', 'main', 'terminate', 'shutdown'] as const
export type LifeToken = (typeof LIFE_STEPS)[number]

/**
 * The variable `allowed_phases`: a list, or text with commas (`--phases init,main`). All ten when it is not set; the order in which they
 * are written means nothing. `restore-init` and `restore_init` are `restore init`. A step that does not exist is an error.
 */
export const allowedPhases = z
  .union([z.array(z.string()), z.string()])
  .transform((value, context): readonly LifeToken[] => {
    const words = (typeof value === 'string' ? value.split(',') : value).map((word) => word.trim())
    const known: ReadonlySet<string> = new Set(LIFE_STEPS)
    const chosen = new Set<string>()
    for (const word of words) {
      const token = word.toLowerCase().replaceAll(/[\s_-]+/g, ' ')
      if (known.has(token)) chosen.add(token)
      else context.addIssue(`steps of a machine's life, and "${word}" is none: ${meant(token) ?? `known: ${LIFE_STEPS.join(', ')}`}`)
    }
    return LIFE_STEPS.filter((token) => chosen.has(token))
  })
  .default([...LIFE_STEPS])
  .describe(`the steps of a machine's life that may run: ${LIFE_STEPS.join(', ')}`)

function meant(word: string): string | undefined {
  const near = nearest(word, LIFE_STEPS)
  return near === undefined ? undefined : `did you mean ${near}?`
}

/**
 * Reads what `--phases` says.
 * @throws InputError `unknown-phase`
 */
export function parsePhases(value: string | readonly string[]): ReadonlySet<LifeToken> {
  const { data, error } = allowedPhases.safeParse(value)
  if (data === undefined) throw new InputError('unknown-phase', `expected ${error?.issues[0]?.message}`)
  return new Set(data)
}

/** What a project and a revision may be called: they become the names of snapshots, and of files. */
const NAME = /^[A-Za-z0-9][\w.+-]*$/

/** The names of the snapshots: `clean`, which all projects share, and `<id>.<revision>.init`. */
export function snapshotNames(project: { readonly id: string; readonly revision: string | number }): { readonly clean: string; readonly init: string } {
  for (const [variable, value] of [['project_id', project.id], ['project_revision', String(project.revision)]] as const) {
    if (NAME.test(value)) continue
    throw new InputError('project-name', `${variable} is ${JSON.stringify(value)}, which cannot be part of a snapshot's name`, { hint: 'letters, digits, dot, minus, plus and underscore will do' })
  }
  return { clean: 'clean', init: `${project.id}.${project.revision}.init` }
}
