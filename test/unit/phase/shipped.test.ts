/** The projects that ship with farm, and the example that uses them: what users copy has to be right. What they do is tried in test/lab/projects.test.ts. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { loadInventory, scopeFor } from '../../../src/inventory/index.ts'
import { expandConfig, resolveDefinition } from '../../../src/machine/definitions/index.ts'
import { packaged } from '../../../src/paths.ts'
import { choosePhases, findProject, loadPhases, PHASES } from '../../../src/phase/index.ts'
import { importFile } from '../../../src/recipe/import.ts'
import { parseYaml } from '../../../src/vars/index.ts'

const EXAMPLE = packaged('examples/test-farm')
const scripts = readdirSync(packaged('phases'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.sh')).map((file) => packaged('phases', file))

/** The files that are chosen, relative to the project. */
async function chosen(name: string, platform: string, target: string): Promise<(string | undefined)[]> {
  const project = await findProject(`phases/${name}`)
  const phases = await choosePhases(project, platform, target)
  assert.deepEqual(phases.warnings, [])
  const loaded = await loadPhases(phases, importFile)
  return PHASES.map((phase) => loaded[phase]?.file.slice(project.dir.length + 1))
}

describe('the projects that ship', () => {
  test('have a file for each phase that does something', async () => {
    assert.deepEqual(await chosen('vde', 'debian_12', 'amd64'), ['dependencies.yaml', 'init.sh', 'main.ts', 'terminate.ts'])
    assert.deepEqual(await chosen('vde', 'Arch-Linux', 'amd64'), ['Arch-Linux/dependencies.yaml', 'init.sh', 'main.ts', 'terminate.ts'])
    assert.deepEqual(await chosen('hello', 'debian_13', 'arm64'), ['dependencies.yaml', 'init.yaml', 'main.sh', undefined])
    assert.deepEqual(await chosen('hello', 'debian_12', 'ppc64'), ['ppc64/dependencies.yaml', 'init.yaml', 'main.sh', undefined])
  })

  for (const shell of [['sh'], ['dash'], ['busybox', 'sh']]) {
    test(`have scripts that ${shell.join(' ')} can read`, () => {
      assert.notEqual(scripts.length, 0)
      for (const script of scripts) {
        const { status, stderr } = spawnSync(shell[0] ?? '', [...shell.slice(1), '-n', script], { encoding: 'utf8' })
        assert.deepEqual([status, stderr], [0, ''], script)
      }
    })
  }
})

describe('the example of a test farm', () => {
  test('says for each machine of its matrix what that is', async () => {
    const inventory = await loadInventory(['hosts.yaml'], { cwd: EXAMPLE })
    const entries = expandConfig(scopeFor(inventory, 'localhost').get('config'))
    assert.deepEqual(entries.map(({ platform, target }) => `${platform}_${target}`), ['Arch-Linux_amd64', 'debian_12_amd64', 'debian_12_arm64', 'debian_12_ppc64'])
    const facts = { name: 'notebook_amd64', arch: 'x86_64', cpus: 4, memory: 16384, memory_free: 8192, distribution: 'debian', codename: 'bookworm', home: '/home/user' }
    for (const entry of entries) {
      const definition = await resolveDefinition(entry, { dirs: [EXAMPLE, packaged('inventory')], facts, variables: {}, importModule: importFile })
      assert.notEqual(definition.image.length, 0, definition.name)
    }
  })

  for (const name of readdirSync(join(EXAMPLE, 'vars'))) {
    test(`has in vars/${name} a project that there is`, async () => {
      const { value } = parseYaml(readFileSync(join(EXAMPLE, 'vars', name), 'utf8'), name)
      await findProject(String((value as Record<string, unknown>)['phases_lookup_dir_path']))
    })
  }
})
