import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { clusterVars, farmWhereVars, machineVars, placementVars, unprovisionVars } from '../../../src/machine/index.ts'
import { packaged } from '../../../src/paths.ts'
import { describeVars, parseYaml, type VarDescription } from '../../../src/vars/index.ts'
import { PAGES, textOf } from './pages.ts'

/** Variables of a test farm, each once: those of both of its parts. */
const TEST_FARM = [...new Map([placementVars, machineVars].flatMap(describeVars).map((one) => [one.name, one])).values()]

/** The table as the documentation has it. */
function table(variables: readonly VarDescription[]): string {
  const rows = variables.map(({ name, unit, default: preset, description }) => `| \`${name}\` | ${shown(preset)} | ${description.replaceAll('<', '&lt;')}${unit === undefined ? '' : ` (${unit})`} |`)
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

function shown(preset: unknown): string {
  return preset === undefined ? '' : `\`${typeof preset === 'string' ? preset : JSON.stringify(preset)}\``
}

describe('variables in the documentation', () => {
  test('are those of test-farm, with the defaults and the words of farm describe', () => {
    const [found = ''] = /^\| variable \| default \|[^]*?(?=\n\n)/m.exec(textOf('docs/test-farm.md')) ?? []
    assert.equal(found, table(TEST_FARM), `the table in docs/test-farm.md should be\n${table(TEST_FARM)}\n`)
  })

  test('are variables that there are, wherever -e sets one', () => {
    const shipped = ['targets', 'platforms', 'phases'].flatMap((kind) => readdirSync(packaged(kind === 'phases' ? kind : `inventory/${kind}`), { recursive: true, encoding: 'utf8' }).map((name) => (kind === 'phases' ? `${kind}/${name}` : `inventory/${kind}/${name}`)))
    const inFiles = shipped.filter((name) => /\.(yaml|sh|ts)$/.test(name)).map(textOf).join('\n')
    const known = new Set([...TEST_FARM, ...[clusterVars, unprovisionVars, farmWhereVars].flatMap(describeVars)].map(({ name }) => name))
    for (const page of PAGES.filter((name) => /test-farm|provision-cluster|README|phases|definitions/.test(name))) {
      for (const [, name = ''] of textOf(page).matchAll(/(?:^|[\s`])-e '?([a-z]\w+)=/gm)) {
        if (name === 'name') continue
        assert.ok(known.has(name) || new RegExp(`\\b${name}\\b`).test(inFiles), `${page} sets ${name}, which nothing reads`)
      }
    }
  })

  test('are read from vars: blocks of the test farm as they stand there', () => {
    const known = new Set(TEST_FARM.map(({ name }) => name))
    for (const [, block = ''] of textOf('docs/test-farm.md').matchAll(/```yaml\n([^]*?)```/g)) {
      for (const name of variablesIn(parseYaml(block, 'docs/test-farm.md').value)) assert.ok(known.has(name), `${name} is no variable of test-farm`)
    }
  })
})

/** Names below `vars:`, at any depth; of a file of variables all. */
function variablesIn(value: unknown, below = false): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const entries = Object.entries(value)
  if (below) return entries.map(([name]) => name)
  return 'project_id' in value ? entries.map(([name]) => name) : entries.flatMap(([name, one]) => variablesIn(one, name === 'vars'))
}
