import { InputError, InterruptedError } from '../../errors.ts'
import { toFailure } from '../../failure.ts'
import { shellQuote } from '../../quote.ts'
import { chooseReport, clean, createReport } from '../../report/index.ts'
import { command, type Io } from '../command.ts'
import { confirm } from '../confirm.ts'
import type { LoadedRecipe } from '../engine.ts'
import { openFarm } from '../open-farm.ts'
import { SHARED } from '../options.ts'

/** `farm run RECIPE`: the main job. */
export default command({
  name: 'run',
  summary: 'run a recipe on the hosts of an inventory',
  usage: 'RECIPE [options]',
  about: 'RECIPE is a name from `farm list`, or the path of a recipe file of your own.',
  options: {
    inventory: SHARED.inventory,
    'extra-vars': SHARED['extra-vars'],
    'ask-become-pass': SHARED['ask-become-pass'],
    limit: SHARED.limit,
    check: { kind: 'flag', short: 'C', help: 'change nothing, show what would change; exit code 3 when something would' },
    diff: { kind: 'flag', short: 'D', help: 'show the difference of every change' },
    forks: { kind: 'integer', short: 'f', value: 'N', least: 1, most: 1000, help: 'hosts at once (default: 10)' },
    yes: { kind: 'flag', help: 'do not ask before taking things away' },
    quiet: { kind: 'flag', short: 'q', help: 'only failures and results' },
    json: { kind: 'flag', help: 'print events for scripts, one JSON object a line' },
  },
  words: [1, 1],
  examples: [
    ['farm run provision-cluster', 'two machines on this computer'],
    ['farm run provision-cluster -i hosts.ini --check', 'what would be done on your hypervisors'],
    ['farm run provision-cluster -e vm_mem=2048', 'with another value of a variable'],
    ['farm run unprovision-cluster', 'take every trace away'],
  ],
  async run({ words: [name = ''], options, engine, io }) {
    const { kind, ...look } = chooseReport(io.env, io.stdout, { json: options.json, quiet: options.quiet })
    const report = await createReport(kind, { out: io.stdout, err: io.stderr }, { ...look, diff: options.diff, verbosity: options.verbose })
    try {
      const recipe = await engine.findRecipe(name)
      const farm = await openFarm({ options, engine, io }, (message) => { report.sink({ type: 'note', time: Date.now(), level: 'warning', message }) })
      const hosts = await engine.selectHosts(farm, recipe.recipe.hosts, options.limit)
      if (hosts.length === 0) throw noHosts(recipe, options.limit)
      if (!options.check && !options.yes) await ask(recipe, hosts, io)
      return await engine.run(farm, { recipe, hosts, check: options.check, forks: options.forks ?? 10, sink: report.sink, signal: io.signal, again: callAgain(options.inventory, options['ask-become-pass'], io) })
    } catch (error) {
      // A reader of --json learns of it here; people are told by main.ts.
      if (kind === 'json') report.sink({ type: 'failure', time: Date.now(), failure: toFailure(error) })
      throw error
    } finally {
      await report.end()
    }
  },
})

/** How the user calls farm again: through npx if that is how it was called, and with the same inventory. */
function callAgain(sources: readonly string[], password: boolean, { env }: Io): (command: string) => string {
  const farm = env['npm_command'] === undefined ? 'farm' : 'npx farm'
  const inventory = sources.map((source) => ` -i ${shellQuote(source)}`).join('')
  return (command) => {
    const [name = '', ...words] = command.split(' ')
    return [`${farm} ${name}${inventory}${password ? ' -K' : ''}`, ...words].join(' ')
  }
}

function noHosts({ name, recipe }: LoadedRecipe, limit: string | undefined): InputError {
  const within = limit === undefined ? '' : ` within --limit ${limit}`
  return new InputError('no-hosts', `no host of the inventory matches "${recipe.hosts}"${within}, on which ${name} runs`, { hint: `\`farm hosts all\` shows all hosts, \`farm inventory --list\` their groups` })
}

/** A person at a terminal is asked; a script has made up its mind. */
async function ask({ name, recipe }: LoadedRecipe, hosts: readonly string[], io: Io): Promise<void> {
  if (!recipe.destructive || io.stdin.isTTY !== true) return
  io.stderr.write(`${name}: ${recipe.description}\n  on: ${hosts.map(clean).join(', ')}\n`)
  if (!(await confirm('Go on?', io))) throw new InterruptedError('nothing was done', { hint: 'answer y, or type --yes' })
}

