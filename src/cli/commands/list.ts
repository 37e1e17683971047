import { wantsColour } from '../../report/index.ts'
import { command } from '../command.ts'
import { SHARED } from '../options.ts'
import { table } from '../table.ts'

/** `farm list`: the recipes that ship with farm. */
export default command({
  name: 'list',
  summary: 'list the recipes',
  usage: '[--json]',
  options: { json: SHARED.json },
  examples: [['farm list', 'names and meanings']],
  async run({ options, engine, io, print, printJson }) {
    const recipes = await engine.listRecipes()
    const rows = recipes.map(({ name, file, description, recipes: parts }) => ({ name, description, hosts: [...new Set(parts.map((part) => part.hosts))].join(', '), file }))
    if (options.json) printJson(rows)
    else print(...table(['RECIPE', 'HOSTS', 'WHAT IT DOES'], rows.map(({ name, hosts, description }) => [name, hosts, description]), wantsColour(io.env, io.stdout)))
    return 0
  },
})
