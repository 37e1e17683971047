/** All commands by name; each is loaded when it is asked for. */
import { UsageError } from '../errors.ts'
import type { Command } from './command.ts'
import { nearest } from '../suggest.ts'

const LOADERS: Readonly<Record<string, () => Promise<{ readonly default: Command }>>> = {
  run: () => import('./commands/run.ts'),
  exec: () => import('./commands/exec.ts'),
  log: () => import('./commands/log.ts'),
  list: () => import('./commands/list.ts'),
  describe: () => import('./commands/describe.ts'),
  dispatch: () => import('./commands/dispatch.ts'),
  status: () => import('./commands/status.ts'),
  ssh: () => import('./commands/ssh.ts'),
  console: () => import('./commands/console.ts'),
  'ssh-config': () => import('./commands/ssh-config.ts'),
  doctor: () => import('./commands/doctor.ts'),
  inventory: () => import('./commands/inventory.ts'),
  hosts: () => import('./commands/hosts.ts'),
  version: () => import('./commands/version.ts'),
  help: () => import('./commands/help.ts'),
}

/** Names of all commands, in the order of help. */
export const COMMAND_NAMES: readonly string[] = Object.keys(LOADERS)

/** Loads a command. @throws UsageError `unknown-command`; `recipes` are looked at for what else may have been meant. */
export async function loadCommand(name: string, recipes: () => Promise<readonly string[]> = () => Promise.resolve([])): Promise<Command> {
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined
  if (load !== undefined) return (await load()).default
  const near = nearest(name, COMMAND_NAMES)
  const recipe = near === undefined ? nearest(name, await recipes().catch(() => [])) : undefined
  const meant = near ?? (recipe === undefined ? undefined : `run ${recipe}`)
  throw new UsageError('unknown-command', `there is no command "${name}"`, {
    hint: meant === undefined ? `known commands: ${COMMAND_NAMES.join(', ')}` : `did you mean \`farm ${meant}\`?`,
  })
}
