/** The variables of a recipe as options of `farm run`: `--vm-mem 2048` says what `-e vm_mem=2048` says. */
import { UsageError } from '../errors.ts'
import { conceal } from '../secrets.ts'
import { takesValue } from './argv.ts'
import type { Engine, VarDescription } from './engine.ts'
import type { Option, OptionTable } from './options.ts'

/** A variable that the command line sets by an option of its own. */
export interface OptionVariable {
  /** As it is typed, with its dashes. */
  readonly option: string
  readonly name: string
  readonly value: unknown
}

/** The heading of help below which they stand. */
const GROUP = 'Variables of the recipe'

/**
 * The options that the recipe named in `argv` has; none when `argv` names no recipe, or needs none of them.
 * `table`: farm's own, which win where names are the same.
 */
export async function recipeOptions(argv: readonly string[], table: OptionTable, engine: Pick<Engine, 'findRecipe' | 'describeVars'>): Promise<OptionTable> {
  const { word, unknown, help } = scan(argv, table)
  if (word === undefined || !(unknown || help)) return {}
  const variables = await engine.findRecipe(word).then((recipe) => engine.describeVars(recipe)).catch((error: unknown) => {
    // Where there is no such recipe, the word may be the value of an option that farm does not know.
    if (help || (error instanceof UsageError && error.code === 'unknown-recipe')) return []
    throw error
  })
  return Object.fromEntries(variables.map((variable) => [optionName(variable.name), optionOf(variable)] as const).filter(([name]) => !Object.hasOwn(table, name)))
}

/** The variables that such options set, in the order of the recipe. @throws UsageError for what is to be JSON and is not */
export async function optionVariables(options: Readonly<Record<string, unknown>>, table: OptionTable, describe: () => Promise<readonly VarDescription[]>): Promise<OptionVariable[]> {
  const given = (name: string): unknown => (Object.hasOwn(table, name) ? undefined : options[name])
  const isGiven = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0)
  if (!Object.keys(options).some((name) => isGiven(given(name)))) return []
  return (await describe()).flatMap((variable) => {
    const name = optionName(variable.name)
    const typed = given(name)
    if (!isGiven(typed)) return []
    if (variable.secret === true) for (const text of [typed].flat()) conceal(String(text))
    return [{ option: `--${name}`, name: variable.name, value: valueOf(`--${name}`, variable, typed) }]
  })
}

function optionName(variable: string): string {
  return variable.replaceAll('_', '-')
}

function optionOf({ name, type, unit, default: preset, required, description }: VarDescription): Option {
  const kind = type === 'boolean' ? 'switch' : isList(type) ? 'list' : 'text'
  const usual = required ? 'required' : preset === undefined ? '' : `default: ${typeof preset === 'string' ? preset : JSON.stringify(preset)}`
  const more = [usual, isList(type) ? 'commas separate; repeatable' : isMap(type) ? 'JSON' : ''].filter(Boolean).join('; ')
  const value = kind === 'switch' ? undefined : (unit ?? (type === 'integer' || type === 'number' ? 'NUMBER' : isMap(type) ? 'JSON' : isList(type) ? 'LIST' : 'TEXT'))
  return { kind, ...(value === undefined ? {} : { value }), help: `${description === '' ? `the variable ${name}` : description}${more === '' ? '' : ` (${more})`}`, group: GROUP }
}

function valueOf(option: string, { type }: VarDescription, typed: unknown): unknown {
  if (isList(type)) return (typed as readonly string[]).flatMap((text) => (/^\s*\[/.test(text) ? (fromJson(option, text) as unknown[]) : isMap(type.slice('list of '.length)) ? [fromJson(option, text)] : text.split(',').map((item) => item.trim())))
  return isMap(type) ? fromJson(option, String(typed)) : typed
}

function fromJson(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UsageError('not-json', `option ${option} takes JSON: ${(cause as Error).message}`, { hint: `type: ${option} '{"name": "value"}'`, cause })
  }
}

function isList(type: string): boolean {
  return /^list\b/.test(type)
}

function isMap(type: string): boolean {
  return /^map\b/.test(type)
}

/** The first word that is no option, whether an option is not farm's own, and whether help is asked for. */
function scan(argv: readonly string[], table: OptionTable): { readonly word: string | undefined; readonly unknown: boolean; readonly help: boolean } {
  let word: string | undefined
  let unknown = false
  let help = false
  for (let index = 0; index < argv.length && argv[index] !== '--'; index += 1) {
    const token = argv[index] ?? ''
    const [, name, value] = /^--([^=]+)(=[\s\S]*)?$/u.exec(token) ?? []
    if (name !== undefined) {
      const option = Object.hasOwn(table, name) ? table[name] : undefined
      unknown ||= option === undefined
      help ||= name === 'help'
      if (takesValue(option) && value === undefined) index += 1
    } else if (/^-./u.test(token)) {
      const letters = [...token.slice(1)]
      const at = letters.findIndex((letter) => takesValue(Object.values(table).find(({ short }) => short === letter)))
      help ||= letters.slice(0, at < 0 ? undefined : at).includes('h')
      if (at === letters.length - 1) index += 1
    } else word ??= token
  }
  return { word, unknown, help }
}
