/** What `farm inventory --explain` shows: each variable, every layer that set it, and which one won. */
import { relative } from 'node:path'
import { formatLocation, type Location } from '../errors.ts'
import type { ExplainedVariable } from '../inventory/index.ts'
import { clean, pad, paint, width } from '../report/index.ts'

/** Longer values are cut: a list of a thousand hosts says enough with its first ones. */
const LONGEST = 120

/** Lines for people: the value that counts, and below it the layers, the winner marked with `>`. */
export function explainLines(variables: readonly ExplainedVariable[], cwd: string, colour: boolean): string[] {
  return variables.flatMap(({ name, settings, ...outcome }) => {
    const result = outcome.problem === undefined ? written(outcome.value) : paint('red', clean(outcome.problem), colour)
    const values = settings.map(({ value }) => written(value))
    const most = Math.min(40, Math.max(...values.map(width)))
    const lines = settings.map(({ layer, location, won }, index) => {
      const line = `  ${won ? '>' : ' '} ${pad(values[index] ?? '', most)}  ${clean(place(layer, location, cwd))}`
      return won ? line : paint('faint', line, colour)
    })
    return [`${paint('bold', clean(name), colour)} = ${result}`, ...lines]
  })
}

/** The same for scripts. */
export function explainJson(host: string, variables: readonly ExplainedVariable[]): unknown {
  const entries = variables.map(({ name, settings, ...outcome }) => [
    name,
    { ...outcome, settings: settings.map(({ layer, location, value, won }) => ({ layer, ...location, value, won })) },
  ])
  return { host, variables: Object.fromEntries(entries) as unknown }
}

function written(value: unknown): string {
  const text = clean(JSON.stringify(value) ?? 'null')
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

/** `group_vars/all.yml:3:1`, and what section of it when the layer is not the whole file. */
function place(layer: string, location: Location | undefined, cwd: string): string {
  if (location === undefined) return layer
  const near = relative(cwd, location.file)
  const file = near.startsWith('..') || near === '' ? location.file : near
  const section = layer.startsWith(`${location.file}, `) ? layer.slice(location.file.length + 2) : layer === location.file ? '' : layer
  return `${formatLocation({ ...location, file })}${section ? ` (${section})` : ''}`
}
