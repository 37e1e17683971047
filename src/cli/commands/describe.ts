import { paint, wantsColour, width } from '../../report/index.ts'
import { command } from '../command.ts'
import type { VarDescription } from '../engine.ts'
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
    const { name, file, recipe } = await engine.findRecipe(wanted)
    const variables = await engine.describeVars(recipe)
    const tasks = recipe.tasks.map((task) => task.name)
    if (options.json) {
      printJson({ name, file, description: recipe.description, hosts: recipe.hosts, become: recipe.become, destructive: recipe.destructive, tasks, variables })
      return 0
    }
    const colour = wantsColour(io.env, io.stdout)
    print(paint('bold', name, colour), recipe.description, '', `hosts:  ${recipe.hosts}${recipe.become ? ' (as root)' : ''}`, `file:   ${file}`, '')
    print(paint('bold', 'Tasks', colour), ...tasks.map((task) => `  ${task}`), '')
    print(...variableLines(variables, io.stdout.columns ?? Infinity, colour))
    return 0
  },
})

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
