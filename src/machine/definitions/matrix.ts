/** From `config` to the list of machines: what is listed first, then every platform on every target. */
import { z } from 'zod'
import { InputError, type Location } from '../../errors.ts'
import { sameValue } from '../../vars/helpers/arguments.ts'
import { coerce } from '../../vars/coerce.ts'
import { describeValue, isMap, type ValuePath } from '../../vars/layer.ts'
import { problemsOf, report, type Problem } from './problems.ts'

/** One machine that is wanted: a platform on a target, and what of its definition shall be otherwise. */
export interface MatrixEntry {
  readonly platform: string
  readonly target: string
  /** Fields of a definition, as in definition files; empty for a pair of the permutations. */
  readonly overrides: Readonly<Record<string, unknown>>
  /** Where it is written: the entry of the list, or the platform of the permutations. */
  readonly location?: Location | undefined
}

/** Where the value at a path within `config` is written. */
export type ConfigOrigin = (path: ValuePath) => Location | undefined

const partName = z.string().regex(/^[A-Za-z0-9_][\w.+-]*$/, { message: 'a name of letters, digits, "_", ".", "+" and "-" that begins with a letter, a digit or "_"' }).refine((name) => name !== 'defaults', { message: 'another name: defaults.yaml holds what all platforms share' })

/** Names of targets and platforms are names of files. */
export function isPartName(name: string): boolean {
  return partName.safeParse(name).success
}

const pairs = z.strictObject({ platform: partName.optional(), target: partName.optional() }).refine(({ platform, target }) => platform !== undefined || target !== undefined, { message: 'a platform, a target or both' })
const configSchema = z.strictObject({
  permutations: z.strictObject({ targets: z.array(partName).default([]), platforms: z.array(partName).default([]) }).nullish(),
  list: z.array(z.looseObject({ platform: partName, target: partName })).nullish(),
  exclude: z.array(pairs).nullish(),
})
type Config = z.output<typeof configSchema>

/**
 * Expands `config`: entries of `list` in their order, then the permutations, platforms outside and targets inside, without the pairs
 * that `exclude` names. Entries that are equal in everything become one; no config gives no entries.
 * @throws InputError `config` with all that is wrong with it, `duplicate-machine` when two different entries would give one machine.
 */
export function expandConfig(config: unknown, origin: ConfigOrigin = () => undefined): MatrixEntry[] {
  if (config === undefined || config === null) return []
  const value = coerce(configSchema, config)
  if (!isMap(value)) throw new InputError('config', `config is a map with permutations and list, got ${describeValue(value)}`, { location: origin([]) })
  const problems: Problem[] = []
  const checked = problemsOf(configSchema, value, [], origin, problems) as Config | undefined
  if (checked) checkExcludes(checked, origin, problems)
  if (checked === undefined || problems.length > 0) throw report('config', 'config is not usable', problems)
  const entries = [...listed(checked, origin), ...permuted(checked, origin)]
  const unique = entries.filter((entry, index) => entries.findIndex((other) => sameEntry(other, entry)) === index)
  refuseDuplicates(unique.map((entry) => ({ name: entryName(entry), entry })))
  return unique
}

function listed({ list }: Config, origin: ConfigOrigin): MatrixEntry[] {
  return (list ?? []).map(({ platform, target, ...overrides }, index) => ({ platform, target, overrides, location: origin(['list', index]) ?? origin(['list']) }))
}

function permuted({ permutations, exclude }: Config, origin: ConfigOrigin): MatrixEntry[] {
  const excluded = (platform: string, target: string): boolean => (exclude ?? []).some((pair) => (pair.platform ?? platform) === platform && (pair.target ?? target) === target)
  return (permutations?.platforms ?? []).flatMap((platform, index) =>
    (permutations?.targets ?? [])
      .filter((target) => !excluded(platform, target))
      .map((target) => ({ platform, target, overrides: {}, location: origin(['permutations', 'platforms', index]) ?? origin(['permutations']) })),
  )
}

/** An exclusion that names nothing in the permutations is a mistake in writing. */
function checkExcludes({ permutations, exclude }: Config, origin: ConfigOrigin, problems: Problem[]): void {
  for (const [index, pair] of (exclude ?? []).entries()) {
    for (const [key, known] of [['platform', permutations?.platforms ?? []], ['target', permutations?.targets ?? []]] as const) {
      const name = pair[key]
      if (name !== undefined && !known.includes(name)) problems.push({ text: `exclude[${index}].${key}: ${name} is none of the permutations' ${key}s`, location: origin(['exclude', index, key]), word: name, known })
    }
  }
}

function sameEntry(a: MatrixEntry, b: MatrixEntry): boolean {
  return a.platform === b.platform && a.target === b.target && sameValue(a.overrides, b.overrides)
}

/** The name that a machine has unless its definition files say otherwise. */
export function entryName({ platform, target, overrides }: MatrixEntry): string {
  return typeof overrides['name'] === 'string' ? overrides['name'] : `${platform}_${target}`
}

/**
 * Refuses two machines of one name; of expanded entries, and again of resolved definitions, since files may set names too.
 * @throws InputError `duplicate-machine`, naming both and where they stand.
 */
export function refuseDuplicates(machines: Iterable<{ readonly name: string; readonly entry: MatrixEntry }>): void {
  const seen = new Map<string, MatrixEntry>()
  for (const { name, entry } of machines) {
    const other = seen.get(name)
    if (other) {
      throw new InputError('duplicate-machine', `two different entries would make one machine ${name}: ${describeEntry(other)} and ${describeEntry(entry)}`, {
        location: entry.location,
        hint: 'give one of them a name of its own, or take the pair out of the permutations with exclude',
      })
    }
    seen.set(name, entry)
  }
}

function describeEntry({ platform, target, overrides, location }: MatrixEntry): string {
  const more = Object.keys(overrides)
  const where = location === undefined ? '' : ` (${location.file}${location.line === undefined ? '' : `:${location.line}`})`
  return `${platform} on ${target}${more.length > 0 ? ` with its own ${more.join(', ')}` : ''}${where}`
}
