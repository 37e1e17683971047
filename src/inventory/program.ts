/** Inventories that a program prints: it is called with `--list`, and with `--host NAME` when it gives no `_meta`. */
import { execFile } from 'node:child_process'
import { InputError } from '../errors.ts'
import { describeValue, isMap } from '../vars/layer.ts'
import { parseYaml, type ParsedYaml } from '../vars/yaml.ts'
import { readGroupList, setHostVars } from './group-list.ts'
import type { Draft } from './model.ts'

/** How many hosts are asked for at once when the program has to be called for each. */
const AT_ONCE = 8

/**
 * Runs the program and reads what it prints into `draft`.
 * @throws InputError when it fails (its last lines of standard error are the details) or prints something else than a JSON map.
 */
export async function readProgram(draft: Draft, file: string): Promise<void> {
  const before = new Set(draft.hosts.keys())
  const { value, parsed } = await ask(file, ['--list'])
  readGroupList(draft, value, file, parsed)
  const meta = value['_meta']
  if (isMap(meta) && 'hostvars' in meta) return
  const own = [...draft.hosts.keys()].filter((name) => !before.has(name) || named(value, name))
  for (let i = 0; i < own.length; i += AT_ONCE) {
    const names = own.slice(i, i + AT_ONCE)
    const answers = await Promise.all(names.map((name) => ask(file, ['--host', name])))
    for (const [index, name] of names.entries()) {
      const answer = answers[index]
      if (answer) setHostVars(draft, name, answer.value, file, answer.parsed, [])
    }
  }
}

function named(value: Record<string, unknown>, host: string): boolean {
  return Object.values(value).some((group) => (Array.isArray(group) ? group : isMap(group) && Array.isArray(group['hosts']) ? group['hosts'] : []).includes(host))
}

async function ask(file: string, args: string[]): Promise<{ value: Record<string, unknown>; parsed: ParsedYaml }> {
  const text = await run(file, args)
  const command = `${file} ${args.join(' ')}`
  // JSON.parse decides what is JSON; the YAML reader knows where things stand.
  try {
    JSON.parse(text)
  } catch (cause) {
    throw new InputError('inventory-program', `${command} does not print JSON: ${(cause as Error).message}`, { location: { file }, details: tail(text), cause })
  }
  const parsed = parseYaml(text, `output of ${command}`)
  if (!isMap(parsed.value)) throw new InputError('inventory-program', `${command} must print a JSON map, got ${describeValue(parsed.value)}`, { location: { file } })
  return { value: parsed.value, parsed }
}

function run(file: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, { maxBuffer: 256 * 1024 * 1024, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const how = typeof error.code === 'number' ? `ended with exit code ${error.code}` : error.signal ? `was ended by ${error.signal}` : `cannot be run: ${error.message}`
      reject(new InputError('inventory-program', `the inventory program ${file} ${args.join(' ')} ${how}`, { location: { file }, details: tail(stderr), cause: error }))
    })
    child.stdin?.end()
  })
}

function tail(text: string): string[] {
  return text.trim().split('\n').slice(-5).filter(Boolean)
}
