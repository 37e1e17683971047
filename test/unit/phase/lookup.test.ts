import assert from 'node:assert/strict'
import { relative } from 'node:path'
import { test } from 'node:test'
import { choosePhases, describeProject, findProject, type ChosenPhases, type Project } from '../../../src/phase/index.ts'
import { projectOf } from './files.ts'

const names = ({ dir }: Project, { files }: ChosenPhases): Record<string, string | undefined> => Object.fromEntries(Object.entries(files).map(([phase, file]) => [phase, file && relative(dir, file)]))

test('each phase is looked for by itself: platform and target, then platform, then target, then the root', async () => {
  const project = projectOf({
    'dependencies.sh': '', 'debian_12/dependencies.yaml': '', 'debian_12/arm64/dependencies.ts': '',
    'main.yaml': '', 'arm64/main.sh': '',
    'init.yaml': '', 'debian_12/init.yml': '', 'arm64/init.sh': '',
  })
  assert.deepEqual(names(project, await choosePhases(project, 'debian_12', 'arm64')), { dependencies: 'debian_12/arm64/dependencies.ts', init: 'debian_12/init.yml', main: 'arm64/main.sh', terminate: undefined })
  assert.deepEqual(names(project, await choosePhases(project, 'debian_12', 'amd64')), { dependencies: 'debian_12/dependencies.yaml', init: 'debian_12/init.yml', main: 'main.yaml', terminate: undefined })
  assert.deepEqual(names(project, await choosePhases(project, 'Arch-Linux', 'amd64')), { dependencies: 'dependencies.sh', init: 'init.yaml', main: 'main.yaml', terminate: undefined })
})

test('two files for one phase in one directory are an error that names both', async () => {
  const project = projectOf({ 'debian_12/main.sh': '', 'debian_12/main.yaml': '' })
  await assert.rejects(choosePhases(project, 'debian_12', 'amd64'), { code: 'phase-ambiguous', exitCode: 65, message: 'there are two files for the phase main: phases/demo/debian_12/main.sh and phases/demo/debian_12/main.yaml' })
  await choosePhases(project, 'debian_13', 'amd64')
})

test('a file whose name is nearly a phase is warned about, and other files are not', async () => {
  const project = projectOf({ 'dependancies.sh': '', 'main.py': '', 'main.yaml': '', 'packages.txt': '', 'lib.ts': '', '.main.sh': '', 'main.sh~': '' })
  const { warnings } = await choosePhases(project, 'debian_12', 'amd64')
  assert.deepEqual(warnings, ['phases/demo/dependancies.sh is not read: did you mean dependencies.sh?', 'phases/demo/main.py is not read: a phase is a file that ends in .ts, .js, .sh, .yaml, .yml'])
})

test('a project without a phase for a machine is warned about', async () => {
  const project = projectOf({ 'debian_12/main.sh': '' })
  assert.match((await choosePhases(project, 'Arch-Linux', 'amd64')).warnings.join(), /phases\/demo has no phase for Arch-Linux on amd64/)
})

test('people are told which file each phase uses', async () => {
  const project = projectOf({ 'debian_12/main.sh': '', 'dependencies.yaml': '' })
  assert.deepEqual(describeProject(project, await choosePhases(project, 'debian_12', 'arm64')), ['dependencies  phases/demo/dependencies.yaml', 'init          no file', 'main          phases/demo/debian_12/main.sh', 'terminate     no file'])
})

test('a project is found below the working directory, else among those that ship with farm', async () => {
  const own = projectOf({ 'main.sh': '' })
  const shipped = projectOf({ 'main.sh': '' })
  const options = { cwd: own.dir.replace(/\/phases\/demo$/, ''), shipped: shipped.dir.replace(/\/demo$/, '') }
  assert.deepEqual(await findProject('phases/demo/', options), { dir: own.dir, shown: 'phases/demo' })
  for (const path of ['phases/demo', './phases/demo', 'demo']) assert.equal((await findProject(path, { ...options, cwd: '/' })).dir, shipped.dir)
})

test('a project that is nowhere is an error that names the paths tried', async () => {
  await assert.rejects(findProject('phases/nowhere', { cwd: '/tmp', shipped: '/opt/farm/phases' }), { code: 'project-missing', exitCode: 65, details: ['tried /tmp/phases/nowhere', 'tried /opt/farm/phases/nowhere'] })
  const { dir } = projectOf({ 'main.sh': '' })
  await assert.rejects(findProject('main.sh', { cwd: dir }), { code: 'project-missing', message: /is a file/ })
})
