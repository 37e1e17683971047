import assert from 'node:assert/strict'
import { chmodSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cleanInputs, initInputs, inputChanges, loadPhases, choosePhases, parseInputs, sharedFiles, type PhaseInputs, type Project } from '../../../src/phase/index.ts'
import { projectOf, write } from './files.ts'

const clean = cleanInputs({ definition: 'd1', image: 'i1' })
const never = (): Promise<never> => Promise.reject(new Error('no module is imported'))

/** What the init snapshot of debian_12 on amd64 is made from. */
async function inputsOf(project: Project, machine: PhaseInputs = clean): Promise<PhaseInputs> {
  const loaded = await loadPhases(await choosePhases(project, 'debian_12', 'amd64'), never)
  return initInputs(machine, project, await sharedFiles(project), [...(loaded.dependencies?.files ?? []), ...(loaded.init?.files ?? [])])
}

/** What is said after `change` has been done to the project. */
async function saidAfter(files: Readonly<Record<string, string>>, change: (project: Project) => void): Promise<string[]> {
  const project = projectOf(files)
  const before = await inputsOf(project)
  change(project)
  return inputChanges(before, await inputsOf(project), project).map(({ text }) => text)
}

const FILES = { 'debian_12/dependencies.sh': 'apt-get install git\n', 'init.yaml': '- include: common/clone.yaml\n', 'common/clone.yaml': '- command: git clone x\n', 'main.sh': 'make\n', 'lib/helper.sh': 'true\n' }

test('nothing has changed: the snapshot is fresh', async () => {
  assert.deepEqual(await saidAfter(FILES, () => undefined), [])
})

test('a changed, a new and a removed file are named', async () => {
  const said = await saidAfter(FILES, (project) => {
    write(project, 'debian_12/dependencies.sh', 'apt-get install git make\n')
    write(project, 'lib/other.sh', 'true\n')
    rmSync(join(project.dir, 'lib/helper.sh'))
  })
  assert.deepEqual(said, ['phases/demo/debian_12/dependencies.sh has changed', 'phases/demo/lib/helper.sh is no longer used', 'phases/demo/lib/other.sh is new'])
})

test('what a phase includes is part of it', async () => {
  assert.deepEqual(await saidAfter(FILES, (project) => write(project, 'common/clone.yaml', '- command: git clone y\n')), ['phases/demo/common/clone.yaml has changed'])
})

test('a file that takes the place of another counts', async () => {
  assert.deepEqual(await saidAfter({ 'dependencies.sh': 'a' }, (project) => write(project, 'debian_12/dependencies.sh', 'a')), ['phases/demo/debian_12/dependencies.sh is new', 'phases/demo/dependencies.sh is no longer used'])
})

test('a helper that becomes executable counts', async () => {
  assert.deepEqual(await saidAfter(FILES, ({ dir }) => chmodSync(join(dir, 'lib/helper.sh'), 0o755)), ['phases/demo/lib/helper.sh has changed'])
})

test('main, terminate, phases of other platforms, and what editors and tools leave behind do not count', async () => {
  const said = await saidAfter(FILES, (project) => {
    write(project, 'main.sh', 'make check\n')
    write(project, 'terminate.yaml', '')
    write(project, 'Arch-Linux/dependencies.sh', '')
    write(project, 'Arch-Linux/arm64/init.sh', '')
    for (const name of ['.git/config', 'lib/helper.sh~', 'lib/.helper.sh.swp', '#x#', 'node_modules/zx/index.js', 'README.md']) write(project, name, 'x')
  })
  assert.deepEqual(said, [])
})

test('a link counts as the file that it leads to, and one that leads nowhere is no trouble', async () => {
  const said = await saidAfter({ 'main.sh': '', 'data/a': '1' }, ({ dir }) => {
    symlinkSync('data/a', join(dir, 'link'))
    symlinkSync('nowhere', join(dir, 'broken'))
  })
  assert.deepEqual(said, ['phases/demo/broken is new', 'phases/demo/link is new'])
})

test('another image or definition makes both snapshots stale, by way of the machine', async () => {
  const project = projectOf(FILES)
  const other = cleanInputs({ definition: 'd1', image: 'i2' })
  assert.deepEqual(inputChanges(clean, other, project), [{ what: 'machine', text: 'the image of the machine has changed' }])
  assert.deepEqual(inputChanges(await inputsOf(project), await inputsOf(project, other), project), [{ what: 'machine', text: 'the image of the machine has changed' }])
  assert.deepEqual(inputChanges(clean, cleanInputs({ definition: 'd2', image: 'i1' }), project).map(({ text }) => text), ['the definition of the machine has changed'])
})

test('a record survives being written as JSON, and what is no record is not taken for one', async () => {
  const project = projectOf(FILES)
  const made = await inputsOf(project)
  const read = parseInputs(JSON.parse(JSON.stringify(made)))
  assert.deepEqual(read, made)
  for (const wrong of [undefined, null, 'text', [], {}, { hash: 'x' }, { hash: 'x', files: { a: 1 }, machine: {} }, { hash: 'x', files: {}, machine: { image: 'i' } }]) assert.equal(parseInputs(wrong), undefined)
})

test('the record of a project of thousands of files stays small, and says still which phase has changed', async () => {
  const project = projectOf({ 'dependencies.sh': 'a', ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`data/${index}`, String(index)])) })
  const made = await inputsOf(project)
  assert.ok(JSON.stringify(made).length < 300)
  write(project, 'data/7', 'x')
  write(project, 'dependencies.sh', 'b')
  assert.deepEqual(inputChanges(made, await inputsOf(project), project).map(({ text }) => text), ['files of phases/demo that are no phases have changed', 'phases/demo/dependencies.sh has changed'])
})
