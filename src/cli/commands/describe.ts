import { paint, wantsColour, width } from '../../report/index.ts'
import { command } from '../command.ts'
import type { Step, VarDescription } from '../engine.ts'
import { SHARED } from '../options.ts'
import { table } from '../table.ts'

/** `farm describe RECIPE`: its tasks and its variables. */
export default command({
  name: 'describe',
  summary: 'show what a recipe does and which variables it reads',
  usage: 'RECIPE [--json]',
  options: { json: SHARED.json },
  words: [1, 1],
  examples: [['farm describe provision-cluster', 'name, type, unit, default and meaning of each variable']],
  async run({ words: [wanted = ''], options, engine, io, print, printJson }) {
    const loaded = await engine.findRecipe(wanted)
    const { name, file, description, recipes } = loaded
    const variables = await engine.describeVars(loaded)
    const parts = recipes.map((recipe) => ({ ...recipe, tasks: stepNames(recipe.tasks), handlers: recipe.handlers.map((handler) => handler.name) }))
    if (options.json) {
      const [only] = parts
      const shown = parts.map(({ description: about, hosts, become, destructive, tasks, handlers }) => ({ description: about, hosts, become, destructive, tasks, handlers }))
      printJson({ name, file, description, ...(parts.length === 1 && only !== undefined ? shown[0] : { recipes: shown }), variables })
      return 0
    }
    const colour = wantsColour(io.env, io.stdout)
    print(paint('bold', name, colour), description, '', `file:   ${file}`)
    for (const part of parts) {
      if (parts.length > 1) print('', paint('bold', part.description, colour))
      print(`hosts:  ${part.hosts}${part.become === true ? ' (as root)' : ''}`, '')
      print(paint('bold', 'Tasks', colour), ...part.tasks.map((task) => `  ${task}`), ...part.handlers.map((handler) => `  handler: ${handler}`))
    }
    print('')
    print(...variableLines(variables, io.stdout.columns ?? Infinity, colour))
    const [first] = variables
    if (first !== undefined) print('', `Each is an option of \`farm run\` too: --${first.name.replaceAll('_', '-')}`)
    return 0
  },
})

/** Names of steps, those in blocks indented below the block's own. */
function stepNames(steps: readonly Step[], depth = 0): string[] {
  return steps.flatMap((step) => {
    if (step.kind === 'flush') return []
    const name = '  '.repeat(depth) + step.name
    return step.kind === 'block' ? [name, ...stepNames([...step.tasks, ...(step.rescue ?? []), ...step.always], depth + 1)] : [name]
  })
}

/** A table where it fits; on a narrower screen two lines for each variable. */
function variableLines(variables: readonly VarDescription[], columns: number, colour: boolean): string[] {
  const rows = variables.map((variable) => [variable.name, variable.type, variable.unit ?? '', variable.required ? '(required)' : shown(variable.default), variable.description])
  const lines = table(['VARIABLE', 'TYPE', 'UNIT', 'DEFAULT', 'MEANING'], rows, false)
  if (lines.every((line) => width(line) <= columns)) return table(['VARIABLE', 'TYPE', 'UNIT', 'DEFAULT', 'MEANING'], rows, colour)
  return [
    paint('bold', 'Variables', colour),
    ...rows.flatMap(([name = '', type = '', unit = '', preset = '', meaning = '']) => {
      const kind = [type, unit, preset === '' || preset.startsWith('(') ? preset.slice(1, -1) : `default ${preset}`].filter(Boolean).join(', ')
      return [`  ${paint('cyan', name, colour)}  ${paint('faint', kind, colour)}`, `      ${meaning}`]
    }),
  ]
}

function shown(value: unknown): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
}
