/** How options are declared. One table per command is the source of parsing, help and suggestions. */

/** One option. `flag`: given or not; `switch`: the same, and `=no` says the contrary; `count`: how often; `text`: one value; `list`: a value each time; `words`: the same, and commas separate; `integer`: a whole number. */
export interface Option {
  readonly kind: 'flag' | 'switch' | 'count' | 'text' | 'list' | 'words' | 'integer'
  readonly short?: string
  /** What stands for the value in help: `FILE`. */
  readonly value?: string
  readonly help: string
  /** The heading below which help shows it; `Options` when left out. */
  readonly group?: string
  /** The only values that a text may have. */
  readonly choices?: readonly string[]
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
    : O['kind'] extends 'list' | 'words'
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

/** How encrypted variables are opened: for every command that loads an inventory. */
export const VAULT_OPTIONS = {
  'vault-password-file': { kind: 'list', value: 'FILE', help: 'file, or program, with the password of encrypted variables; repeatable', group: 'Secrets' },
  'vault-id': { kind: 'list', value: 'ID@FILE', help: 'the same for vaults of one id; `ID@prompt` asks; repeatable', group: 'Secrets' },
  'ask-vault-pass': { kind: 'flag', short: 'J', help: 'ask for the password of encrypted variables', group: 'Secrets' },
} as const satisfies OptionTable

/** Options that several commands share. */
export const SHARED = {
  inventory: { kind: 'list', short: 'i', value: 'FILE', help: 'inventory file, directory or `host,`; repeatable (default: $FARM_INVENTORY, else this computer)' },
  'extra-vars': { kind: 'list', short: 'e', value: 'VARS', help: '`name=value …`, JSON, or `@FILE`; wins over everything else; repeatable' },
  limit: { kind: 'text', short: 'l', value: 'PATTERN', help: 'only hosts that this pattern selects; `@FILE` has a list of them' },
  json: { kind: 'flag', help: 'print JSON for scripts' },
} as const satisfies OptionTable

/** What a command takes that reaches the hosts of an inventory. */
export const FARM_OPTIONS = {
  inventory: SHARED.inventory,
  'extra-vars': SHARED['extra-vars'],
  ...VAULT_OPTIONS,
  'ask-become-pass': { kind: 'flag', short: 'K', help: 'ask for the password of sudo or su on the hosts', group: 'Secrets' },
} as const satisfies OptionTable

/** How hosts are reached and as whom, where the inventory does not say. */
export const CONNECTION_OPTIONS = {
  user: { kind: 'text', short: 'u', value: 'USER', help: 'log in as this user', group: 'Connection' },
  'private-key': { kind: 'text', value: 'FILE', help: 'log in with this key', group: 'Connection' },
  connection: { kind: 'text', short: 'c', value: 'KIND', choices: ['ssh', 'local'], help: '`ssh` or `local`', group: 'Connection' },
  timeout: { kind: 'integer', short: 'T', value: 'SECONDS', least: 1, most: 86_400, help: 'give up connecting after so long', group: 'Connection' },
  'ask-pass': { kind: 'flag', short: 'k', help: 'ask for the password to log in with', group: 'Secrets' },
  become: { kind: 'flag', short: 'b', help: 'work as another user on the hosts', group: 'Privilege' },
  'become-user': { kind: 'text', value: 'USER', help: 'that user (default: root)', group: 'Privilege' },
  'become-method': { kind: 'text', value: 'METHOD', choices: ['sudo', 'su', 'doas'], help: '`sudo` (default), `su` or `doas`', group: 'Privilege' },
} as const satisfies OptionTable
