/** Help, written from the commands' own tables. */
import { paint, pad, width } from '../report/index.ts'
import type { Command } from './command.ts'
import { COMMAND_NAMES, loadCommand } from './commands.ts'
import { GLOBAL_OPTIONS, type Option, type OptionTable } from './options.ts'

/** The list of commands. */
export async function overview(colour: boolean): Promise<string[]> {
  const commands = await Promise.all(COMMAND_NAMES.map((name) => loadCommand(name)))
  const columns = Math.max(...commands.map(({ name }) => name.length))
  return [
    'farm turns Linux hosts into test farms of virtual machines, and back again.',
    '',
    heading('Usage', colour),
    '  farm COMMAND [options]',
    '',
    heading('Commands', colour),
    ...commands.map(({ name, summary }) => `  ${paint('cyan', pad(name, columns), colour)}  ${summary}`),
    '',
    heading('Begin with', colour),
    '  farm doctor                  what this computer can do, and what is missing',
    '  farm run provision-cluster   make a cluster of machines',
    '  farm status                  what is there',
    '  farm help COMMAND            more about one command',
  ]
}

/** One command's page. */
export function commandHelp(command: Command, colour: boolean): string[] {
  return [
    `${command.summary[0]?.toUpperCase() ?? ''}${command.summary.slice(1)}.`,
    '',
    heading('Usage', colour),
    `  farm ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
    ...(command.about === undefined ? [] : ['', ...command.about.split('\n')]),
    '',
    heading('Options', colour),
    ...optionLines({ ...command.options, ...GLOBAL_OPTIONS }, colour),
    ...(command.examples.length === 0 ? [] : ['', heading('Examples', colour), ...exampleLines(command.examples)]),
  ]
}

function optionLines(table: OptionTable, colour: boolean): string[] {
  const rows = Object.entries(table).map(([name, option]) => [spelling(name, option), option.help] as const)
  const columns = Math.max(...rows.map(([spelled]) => spelled.length))
  return rows.map(([spelled, help]) => `  ${paint('cyan', pad(spelled, columns), colour)}  ${help}`)
}

function spelling(name: string, { short, value }: Option): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

function exampleLines(examples: Command['examples']): string[] {
  const columns = Math.max(...examples.map(([typed]) => width(typed)))
  return examples.map(([typed, meaning]) => `  ${pad(typed, columns)}  ${meaning}`)
}

function heading(text: string, colour: boolean): string {
  return paint('bold', text, colour)
}
