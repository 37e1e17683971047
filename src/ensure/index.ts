/**
 * The host primitives: one file each, named after what it makes so. Start with primitive.ts.
 * `bindEnsure` gives a task its `ensure`; `primitives` is the registry, by name, for lists of primitives in YAML.
 */
import { z } from 'zod'
import { InputError } from '../errors.ts'
import { archive } from './archive.ts'
import { block } from './block.ts'
import { command } from './command.ts'
import { copy } from './copy.ts'
import { directory } from './directory.ts'
import { download } from './download.ts'
import { fetch } from './fetch.ts'
import { file } from './file.ts'
import { firewall } from './firewall.ts'
import { git } from './git.ts'
import { group } from './group.ts'
import { line } from './line.ts'
import { explainIssues } from './issues.ts'
import { link } from './link.ts'
import { packages } from './package.ts'
import type { EnsureContext, Ensured, Primitive } from './primitive.ts'
import { service } from './service.ts'
import { sysctl } from './sysctl.ts'
import { template } from './template.ts'
import { user } from './user.ts'

export { installScript, MANAGER_PROGRAMS, type PackageManager } from './package-managers.ts'
export type { EnsureContext, Ensured, Primitive } from './primitive.ts'

/** All primitives by name. */
export const primitives = {
  archive,
  block,
  command,
  copy,
  directory,
  download,
  fetch,
  file,
  firewall,
  git,
  group,
  line,
  link,
  package: packages,
  service,
  sysctl,
  template,
  user,
} as const satisfies Readonly<Record<string, Primitive>>

type Primitives = typeof primitives

/** The primitives as functions of their arguments. */
export type Ensure = {
  readonly [Name in keyof Primitives]: Primitives[Name] extends Primitive<infer Schema, infer Result> ? (args: z.input<Schema>) => Promise<Result> : never
}

/** Binds all primitives to a host and its task. Arguments are checked: mistakes are InputErrors that name the primitive and the argument. */
export function bindEnsure(context: EnsureContext): Ensure {
  const bound = Object.entries<Primitive>(primitives).map(([name, { schema, run }]) => [name, async (args: unknown): Promise<Ensured> => run(context, check(name, schema, args))])
  return Object.fromEntries(bound) as Ensure
}

function check(name: string, schema: z.ZodType, args: unknown): unknown {
  const { data, error } = schema.safeParse(args)
  if (error === undefined) return data
  throw new InputError('primitive', `ensure.${name}: ${explainIssues(error).join('; ')}`)
}
