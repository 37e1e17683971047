/** Help, written from the commands' own tables. */
import { paint, pad, width, wrap } from '../report/index.ts'
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

/** One command's page: options without a heading of their own first. */
export function commandHelp(command: Command, colour: boolean): string[] {
  const table: OptionTable = { ...command.options, ...GLOBAL_OPTIONS, ...command.options }
  const groups = new Map<string, [string, Option][]>()
  for (const entry of Object.entries(table)) {
    const group = entry[1].group ?? GENERAL
    groups.set(group, [...(groups.get(group) ?? []), entry])
  }
  const general = groups.get(GENERAL) ?? []
  groups.delete(GENERAL)
  return [
    `${command.summary[0]?.toUpperCase() ?? ''}${command.summary.slice(1)}.`,
    '',
    heading('Usage', colour),
    ...wrap(`farm ${command.name} ${command.usage}`.trimEnd(), WIDTH - 6).map((text, index) => (index === 0 ? '  ' : '      ') + text),
    ...(command.about === undefined ? [] : ['', ...command.about.split('\n').flatMap((text) => wrap(text, WIDTH))]),
    ...[[GENERAL, general] as const, ...groups].flatMap(([title, options]) => ['', heading(title, colour), ...options.flatMap(([name, option]) => optionLines(name, option, colour))]),
    ...(command.examples.length === 0 ? [] : ['', heading('Examples', colour), ...exampleLines(command.examples)]),
  ]
}

/** Headings without a name of their own. */
const GENERAL = 'Options'
/** Columns of a page: what every terminal has. */
const WIDTH = 80
/** Columns of an option's spelling, the same on all pages; a longer one has a line of its own. */
const SPELLING = 26

function optionLines(name: string, option: Option, colour: boolean): string[] {
  const spelled = spelling(name, option)
  const [first = '', ...more] = wrap(option.help, WIDTH - SPELLING - 4)
  const margin = ' '.repeat(SPELLING + 4)
  const lines = more.map((text) => margin + text)
  if (width(spelled) > SPELLING) return [`  ${paint('cyan', spelled, colour)}`, margin + first, ...lines]
  return [`  ${paint('cyan', pad(spelled, SPELLING), colour)}  ${first}`, ...lines]
}

function spelling(name: string, { short, value }: Option): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

function exampleLines(examples: Command['examples']): string[] {
  const columns = Math.max(...examples.map(([typed]) => width(typed)))
  if (examples.every(([, meaning]) => columns + 4 + width(meaning) <= WIDTH)) return examples.map(([typed, meaning]) => `  ${pad(typed, columns)}  ${meaning}`)
  return examples.flatMap(([typed, meaning]) => [`  ${typed}`, `      ${meaning}`])
}

function heading(text: string, colour: boolean): string {
  return paint('bold', text, colour)
}
