/** What was observed from ansible-core 2.14.18, case by case. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { InputError } from '../../../src/errors.ts'
import { loadInventory, yamlText } from '../../../src/inventory/index.ts'
import { packaged } from '../../../src/paths.ts'
import { parseExtraVars, parseYaml } from '../../../src/vars/index.ts'
import { splitArguments } from './arguments.ts'

interface Files {
  readonly [path: string]: { readonly text: string; readonly mode?: string }
}
interface Expectation {
  readonly json?: unknown
  /** Parsed, of what --yaml prints. */
  readonly yaml?: unknown
  /** What --graph prints. */
  readonly text?: string
  readonly error?: string
  readonly hosts?: readonly string[]
  readonly value?: unknown
}
interface Case {
  readonly id: string
  readonly files?: Files
  readonly args?: string
  readonly inventory?: string
  readonly pattern?: string
  readonly limit?: string
  readonly variable?: string
  readonly expect: Expectation
}

/** Cases that farm does not pass, each with the reason; a case that comes to pass must leave this list. */
export const pending: readonly { readonly id: string; readonly reason: string }[] = [
  { id: 'ev-file-num', reason: 'farm reads YAML 1.2: 0012 is text and not the octal number 10' },
]

const dirs: string[] = []
after(async () => {
  for (const dir of dirs) await rm(dir, { recursive: true })
})

async function lay(files: Files): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'farm-conformance-'))
  dirs.push(dir)
  for (const [path, { text, mode }] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
    if (mode) await chmod(join(dir, path), Number.parseInt(mode, 8))
  }
  return dir
}

async function read(name: string): Promise<{ files?: Files; cases: readonly Case[] }> {
  return JSON.parse(await readFile(packaged('test', 'conformance', `${name}.json`), 'utf8')) as { files?: Files; cases: readonly Case[] }
}

/** Runs `check`; for pending cases asserts that it fails. */
function run(id: string, check: () => Promise<void>): void {
  const reason = pending.find((entry) => entry.id === id)?.reason
  test(reason ? `${id} differs on purpose: ${reason}` : id, async () => (reason ? assert.rejects(check, assert.AssertionError) : check()))
}

/** As it is read again: maps are ordinary objects. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** The order inside lists of hosts and children does not matter. */
function sorted(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return ['hosts', 'children'].includes(key) ? [...(value as string[])].sort() : value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, sorted(item, name)]))
}

async function expectError(action: Promise<unknown>, needsPlace: boolean): Promise<void> {
  await assert.rejects(action, (error: unknown) => {
    assert.ok(error instanceof InputError, String((error as Error).stack))
    if (needsPlace) assert.ok(error.location?.file, `no place: ${error.message}`)
    return true
  })
}

for (const name of ['inventory', 'inventory-ini', 'inventory-more']) {
  describe(`farm inventory prints what ansible-inventory prints (${name})`, async () => {
    for (const { id, files = {}, args = '', expect } of (await read(name)).cases) {
      run(id, async () => {
        const cwd = await lay(files)
        const { sources, host, extra, words } = splitArguments(args)
        const print = async (): Promise<unknown> => {
          const inventory = await loadInventory(sources, { cwd })
          const layers = await parseExtraVars(extra, cwd)
          const given = (option: string): boolean => words.includes(option)
          if (given('--graph')) return `${inventory.toGraph(graphGroup(words), { vars: given('--vars'), extra: layers }).join('\n')}\n`
          if (given('--yaml')) return parseYaml(yamlText(inventory.toTree({ extra: layers })), 'output').value
          return host === undefined ? inventory.toList({ extra: layers }) : inventory.toHost(host, layers)
        }
        if (expect.error !== undefined) await expectError(print(), host === undefined)
        else if (expect.text !== undefined) assert.equal(await print(), expect.text)
        else assert.deepEqual(sorted(plain(await print())), sorted(expect.json ?? expect.yaml))
      })
    }
  })
}

function graphGroup(words: readonly string[]): string | undefined {
  const next = words[words.indexOf('--graph') + 1]
  return next?.startsWith('-') === false ? next : undefined
}

for (const name of ['patterns', 'patterns-more']) {
  describe(`a pattern selects the hosts that Ansible selects (${name})`, async () => {
    const { files = {}, cases } = await read(name)
    const cwd = await lay(files)
    for (const { id, inventory = '', pattern = '', limit, expect } of cases) {
      run(id, async () => {
        const select = async (): Promise<string[]> => (await loadInventory([inventory], { cwd })).select(pattern, limit, { unknown: 'ignore' })
        if (expect.error !== undefined) await expectError(select(), false)
        else assert.deepEqual((await select()).sort(), [...(expect.hosts ?? [])].sort())
      })
    }
  })
}

describe('--extra-vars means what it means in Ansible', async () => {
  const { files = {}, cases } = await read('extra-vars')
  const cwd = await lay(files)
  for (const { id, args = '', variable = '', expect } of cases) {
    run(id, async () => {
      const value = async (): Promise<unknown> => {
        const layers = await parseExtraVars(splitArguments(args).extra, cwd)
        return (await loadInventory(['localhost,'], { cwd })).toHost('localhost', layers)[variable]
      }
      if (expect.error !== undefined) await expectError(value(), true)
      else assert.deepEqual(await value(), expect.value)
    })
  }
})
