/** How options are declared. One table per command is the source of parsing, help and suggestions. */

/** One option. `flag`: given or not; `count`: how often; `text`: one value; `list`: a value each time; `integer`: a whole number. */
export interface Option {
  readonly kind: 'flag' | 'count' | 'text' | 'list' | 'integer'
  readonly short?: string
  /** What stands for the value in help: `FILE`. */
  readonly value?: string
  readonly help: string
  /** Bounds of an integer, both included. */
  readonly least?: number
  readonly most?: number
}

/** Options by their long names (without dashes in front). */
export type OptionTable = Readonly<Record<string, Option>>

type ValueOf<O extends Option> = O['kind'] extends 'flag'
  ? boolean
  : O['kind'] extends 'count'
    ? number
    : O['kind'] extends 'list'
      ? readonly string[]
      : O['kind'] extends 'integer'
        ? number | undefined
        : string | undefined

/** What parsing a table gives. Text stays text: `0012` is `0012`. */
export type OptionValues<T extends OptionTable> = { readonly [Name in keyof T]: ValueOf<T[Name]> }

/** Options that every command has. */
export const GLOBAL_OPTIONS = {
  help: { kind: 'flag', short: 'h', help: 'show this help' },
  verbose: { kind: 'count', short: 'v', help: 'say more; -vv shows stacks of unexpected errors' },
} as const satisfies OptionTable

/** Options that several commands share. */
export const SHARED = {
  inventory: { kind: 'list', short: 'i', value: 'FILE', help: 'inventory file, directory or `host,`; repeatable (default: $FARM_INVENTORY, else this computer)' },
  'extra-vars': { kind: 'list', short: 'e', value: 'VARS', help: '`name=value …`, JSON, or `@FILE`; wins over everything else; repeatable' },
  limit: { kind: 'text', short: 'l', value: 'PATTERN', help: 'only hosts that this pattern selects' },
  'ask-become-pass': { kind: 'flag', short: 'K', help: 'ask for the password of sudo or su on the hosts' },
  json: { kind: 'flag', help: 'print JSON for scripts' },
} as const satisfies OptionTable
