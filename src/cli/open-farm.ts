/** From the options that all commands share to a farm: its inventory, what the command line lays over and under it, its passwords. */
import { expandPath, packaged } from '../paths.ts'
import { clean, paint, wantsColour } from '../report/index.ts'
import { mask } from '../secrets.ts'
import type { Io } from './command.ts'
import type { Engine, Farm, VaultKeys } from './engine.ts'
import type { OptionVariable } from './recipe-options.ts'
import { askPasswords, type Question } from './password.ts'

/** What a command's context has that is needed here; commands have the options that suit them. */
interface Request {
  readonly options: {
    readonly inventory: readonly string[]
    readonly 'extra-vars'?: readonly string[]
    readonly 'vault-password-file'?: readonly string[]
    readonly 'vault-id'?: readonly string[]
    readonly 'ask-vault-pass'?: boolean
    readonly 'ask-pass'?: boolean
    readonly 'ask-become-pass'?: boolean
    readonly user?: string | undefined
    readonly 'private-key'?: string | undefined
    readonly connection?: string | undefined
    readonly timeout?: number | undefined
    readonly become?: boolean
    readonly 'become-user'?: string | undefined
    readonly 'become-method'?: string | undefined
  }
  readonly engine: Engine
  readonly io: Io
}

/** How a farm is opened. */
interface Opening {
  /** Gets what is no error and should be said; standard error does when it is left out. */
  readonly warn?: (warning: string) => void
  /** False when no host will be reached: then no password for hosts is asked for. */
  readonly reachesHosts?: boolean
  /** What options of a recipe's variables say. */
  readonly variables?: readonly OptionVariable[]
}

/**
 * Reads the inventories that are named, else the one that $FARM_INVENTORY names, else the one that ships with farm.
 * Passwords are asked for first, and each once.
 */
export async function openFarm({ options, engine, io }: Request, { warn = warnOn(io), reachesHosts = true, variables = [] }: Opening = {}): Promise<Farm> {
  const named = io.env['FARM_INVENTORY'] || packaged('inventory', 'localhost.yaml')
  const passwords = await askAll(options, reachesHosts, io)
  const farm = await engine.openFarm(options.inventory.length > 0 ? options.inventory : [named], options['extra-vars'] ?? [], {
    defaults: connectionDefaults(options),
    passwords: passwords.hosts,
    vault: passwords.vault,
    variables,
  })
  farm.warnings.forEach(warn)
  return farm
}

/** Variables that the command line sets where nothing else does, under Ansible's names. */
export function connectionDefaults(options: Request['options']): Readonly<Record<string, unknown>> {
  const key = options['private-key']
  const all = {
    ansible_user: options.user,
    ansible_private_key_file: key === undefined ? undefined : expandPath(key),
    ansible_connection: options.connection,
    ansible_timeout: options.timeout,
    ansible_become: options.become === true ? true : undefined,
    ansible_become_user: options['become-user'],
    ansible_become_method: options['become-method'],
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Asks for every password that the options name. */
async function askAll(options: Request['options'], reachesHosts: boolean, io: Io): Promise<{ readonly vault: VaultKeys | undefined; readonly hosts: Readonly<Record<string, string>> }> {
  const login = reachesHosts && options['ask-pass'] === true
  const become = reachesHosts && options['ask-become-pass'] === true
  const ids = (options['vault-id'] ?? []).map(parseVaultId)
  const prompts = [...(options['ask-vault-pass'] === true ? [undefined] : []), ...ids.filter(({ source }) => source === 'prompt').map(({ id }) => id)]
  const questions: Question[] = [
    ...prompts.map((id) => ({ text: id === undefined ? 'Vault password' : `Vault password (${id})`, option: id === undefined ? '-J' : '--vault-id' })),
    ...(login ? [{ text: 'Password to log in', option: '-k' }] : []),
    ...(become ? [{ text: login ? 'Password to become another user (empty: the same)' : 'Password to become another user', option: '-K', sameAsLast: login }] : []),
  ]
  const answers = await askPasswords(questions, io)
  const typed = prompts.map((id) => ({ id, password: answers.shift() ?? '' }))
  const files = [...(options['vault-password-file'] ?? []).map((file) => ({ id: undefined, file })), ...ids.filter(({ source }) => source !== 'prompt').map(({ id, source }) => ({ id, file: source }))]
  return {
    vault: typed.length + files.length === 0 ? undefined : { typed, files },
    hosts: {
      ...(login ? { ansible_password: answers.shift() ?? '' } : {}),
      ...(become ? { ansible_become_password: answers.shift() ?? '' } : {}),
    },
  }
}

/** Splits `dev@file`, `dev@prompt`, `@prompt` or `file`, as `--vault-id` takes them. */
export function parseVaultId(text: string): { readonly id: string | undefined; readonly source: string } {
  const at = text.indexOf('@')
  return { id: at < 1 ? undefined : text.slice(0, at), source: text.slice(at + 1) }
}

function warnOn({ stderr, env }: Io): (warning: string) => void {
  return (warning) => { stderr.write(`farm: ${paint('yellow', 'warning:', wantsColour(env, stderr))} ${clean(mask(warning))}\n`) }
}
