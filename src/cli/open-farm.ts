/** From `--inventory` and `--extra-vars` to a farm. */
import { packaged } from '../paths.ts'
import { clean, paint, wantsColour } from '../report/index.ts'
import type { Io } from './command.ts'
import { askPassword } from './password.ts'
import type { Engine, Farm } from './engine.ts'

/** What a command's context has that is needed here. */
interface Request {
  readonly options: { readonly inventory: readonly string[]; readonly 'extra-vars'?: readonly string[]; readonly 'ask-become-pass'?: boolean }
  readonly engine: Engine
  readonly io: Io
}

/**
 * Reads the inventories that are named, else the one that $FARM_INVENTORY names, else the one that ships with farm.
 * `warn` gets what is no error and should be said; standard error does when it is left out.
 */
export async function openFarm({ options, engine, io }: Request, warn = warnOn(io)): Promise<Farm> {
  const named = io.env['FARM_INVENTORY'] || packaged('inventory', 'localhost.yaml')
  const password = options['ask-become-pass'] === true ? [JSON.stringify({ ansible_become_password: await askPassword('Password to become root', io) })] : []
  const farm = await engine.openFarm(options.inventory.length > 0 ? options.inventory : [named], [...(options['extra-vars'] ?? []), ...password])
  farm.warnings.forEach(warn)
  return farm
}

function warnOn({ stderr, env }: Io): (warning: string) => void {
  return (warning) => { stderr.write(`farm: ${paint('yellow', 'warning:', wantsColour(env, stderr))} ${clean(warning)}\n`) }
}
