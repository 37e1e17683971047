/** Phases as tasks of a real run, on this machine in the place of a guest. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { describe, test } from 'node:test'
import { join } from 'node:path'
import { loadPhase, type PhaseName, type Project } from '../../../src/phase/index.ts'
import { importFile } from '../../../src/recipe/import.ts'
import { block, include, phaseTasks, task, type PhaseSetting, type Task } from '../../../src/recipe/index.ts'
import { run, simple, type Asked, type Ran } from '../run/rig.ts'
import { projectOf, write } from './files.ts'

const setting = ({ dir }: Project): PhaseSetting => ({ platform: 'debian_12', target: 'arm64', project: { id: 'demo', revision: '3', dir }, hypervisorName: 'boreas' })

async function tasksOf(project: Project, file: string, rest: Partial<PhaseSetting> = {}): Promise<Task[]> {
  const phase = (file.split('/').at(-1) ?? '').replace(/\..*$/, '') as PhaseName
  return phaseTasks(await loadPhase(phase, join(project.dir, file), importFile), { ...setting(project), ...rest })
}

/** Runs a phase file as a recipe would, on one host. */
async function live(project: Project, file: string, asked: Asked = {}): Promise<Ran> {
  return run(simple(await tasksOf(project, file)), asked)
}

const lines = ({ events }: Ran): string[] => events.flatMap((event) => (event.type === 'output' ? [event.line] : []))
const failures = ({ events }: Ran): { readonly code: string; readonly message: string; readonly details?: readonly string[] | undefined; readonly hint?: string | undefined; readonly location?: { readonly file: string; readonly line?: number } | undefined }[] =>
  events.flatMap((event) => (event.type === 'task-end' && event.failure !== undefined ? [event.failure] : []))

describe('a phase that is a script', () => {
  test('finds what farm knows in its environment, and what the project wants it to', async () => {
    const project = projectOf({ 'main.sh': 'env | grep -E "^(FARM_|VDE_|ODD)" | sort\n' })
    const ran = await live(project, 'main.sh', { extra: ['{"phase_env": {"VDE_TAG": "v2.3 \'x\' $HOME", "VDE_JOBS": 4, "VDE_FAST": true}}'] })
    assert.equal(ran.code, 0)
    assert.deepEqual(lines(ran), ['FARM_ERROR=', 'FARM_PHASE=main', 'FARM_PLATFORM=debian_12', 'FARM_PROJECT_ID=demo', 'FARM_PROJECT_REVISION=3', 'FARM_STATUS=running', 'FARM_TARGET=arm64', 'VDE_FAST=true', 'VDE_JOBS=4', "VDE_TAG=v2.3 'x' $HOME"])
  })

  test('runs in the home directory, under its own name, with nothing to read, and leaves nothing behind', async () => {
    const project = projectOf({ 'main.sh': 'pwd; echo "${0##*/}"; cat; echo "${0%/*}"\n' })
    const [home, name, dir = ''] = lines(await live(project, 'main.sh'))
    assert.deepEqual([home, name], [process.env['HOME'] ?? homedir(), 'main.sh'])
    assert.match(dir, /farm-phase\./)
    assert.throws(() => readFileSync(join(dir, 'main.sh')), { code: 'ENOENT' })
  })

  test('is not made stricter than its author wrote it: its exit code alone counts', async () => {
    const ran = await live(projectOf({ 'main.sh': 'false\necho "still here $UNSET_VARIABLE"\n' }), 'main.sh')
    assert.deepEqual([ran.code, lines(ran)], [0, ['still here ']])
  })

  test('runs by the interpreter of its first line', async () => {
    const ran = await live(projectOf({ 'main.sh': '#!/bin/bash -u\nlist=(a b); echo "${list[1]} $-"\n' }), 'main.sh')
    assert.match(lines(ran)[0] ?? '', /^b \w*u/)
  })

  test('that fails says its exit code and its last words', async () => {
    const ran = await live(projectOf({ 'main.sh': 'echo configuring\necho no compiler >&2\nexit 3\n' }), 'main.sh')
    assert.equal(ran.code, 2)
    assert.deepEqual(failures(ran).map(({ code, message, details }) => [code, message, details]), [['phase-failed', 'main.sh: exit code 3', ['no compiler']]])
  })

  test('whose interpreter is missing says so', async () => {
    const [failure] = failures(await live(projectOf({ 'main.sh': '#!/opt/nowhere/python9\nprint(1)\n' }), 'main.sh'))
    assert.equal(failure?.message, 'main.sh needs /opt/nowhere/python9, which is not there')
  })

  test('may wish for a time limit and to run as root', async () => {
    const project = projectOf({ 'main.sh': '#!/bin/sh\n# farm: become timeout=0.4\nsleep 20\n' })
    const { parts } = await loadPhase('main', join(project.dir, 'main.sh'), importFile)
    assert.deepEqual(parts.map(({ become, timeout }) => [become, timeout]), [[true, 0.4]])
    const ran = await live(project, 'main.sh')
    assert.match(failures(ran)[0]?.message ?? '', /0\.4 s/)
  })

  test('that wishes for what nobody knows is refused, as are Windows line ends and a relative interpreter', async () => {
    const project = projectOf({ 'main.sh': '#!/bin/sh\n# farm: becom\n', 'init.sh': '#!/bin/sh\r\nmake\r\n', 'terminate.sh': '#!python\n' })
    await assert.rejects(loadPhase('main', join(project.dir, 'main.sh'), importFile), { code: 'phase-script', exitCode: 65, message: /"becom"/ })
    await assert.rejects(loadPhase('init', join(project.dir, 'init.sh'), importFile), { code: 'phase-script', message: /Windows line ends/ })
    await assert.rejects(loadPhase('terminate', join(project.dir, 'terminate.sh'), importFile), { code: 'phase-script', message: /absolute path/ })
  })

  test('is not run in check mode, and told as a change', async () => {
    const project = projectOf({})
    write(project, 'main.sh', `touch ${project.dir}/made\n`)
    const ran = await live(project, 'main.sh', { check: true })
    assert.equal(ran.code, 3)
    assert.throws(() => readFileSync(join(project.dir, 'made')), { code: 'ENOENT' })
  })

  test('larger than any command line arrives whole', async () => {
    const ran = await live(projectOf({ 'main.sh': `# ${'x'.repeat(300_000)}\necho whole\n` }), 'main.sh')
    assert.deepEqual(lines(ran), ['whole'])
  })

  test('with a phase_env that is no environment is a failure with its reason', async () => {
    for (const wrong of ['{"A B": 1}', '{"FARM_PHASE": "x"}', '{"A": []}', '[1]']) {
      const [failure] = failures(await live(projectOf({ 'main.sh': 'true\n' }), 'main.sh', { extra: [`{"phase_env": ${wrong}}`] }))
      assert.equal(failure?.code, 'phase-env', wrong)
    }
  })
})

describe('a phase that is a list of steps', () => {
  test('runs each step as a task, with templates of variables and of what farm knows', async () => {
    const project = projectOf({})
    write(project, 'main.yaml', `- name: Write\n  file:\n    path: ${project.dir}/out\n    content: "{{ platform }} on {{ target }} at {{ hypervisorName }}, {{ project.id }} of {{ year }}\\n"\n- command: 'cat ${project.dir}/out'\n`)
    const ran = await live(project, 'main.yaml', { extra: ['year=2024'] })
    assert.deepEqual(ran.ends, ['a main: Write changed', `a main: command cat ${project.dir}/out changed`])
    assert.deepEqual(lines(ran), ['debian_12 on arm64 at boreas, demo of 2024'])
  })

  test('keeps the types of what templates give: lists, numbers and booleans', async () => {
    const project = projectOf({ 'main.yaml': '- command: { cmd: "{{ words }}", changed: "{{ loud }}" }\n' })
    const ran = await live(project, 'main.yaml', { extra: ['{"words": ["echo", "a b"], "loud": true}'] })
    assert.deepEqual(lines(ran), ['a b'])
  })

  test('skips a step whose condition does not hold, and refuses one that is neither true nor false', async () => {
    const project = projectOf({ 'main.yaml': `- command: echo one\n  when: '{{eq platform "Arch-Linux"}}'\n- command: echo two\n  when: ['{{eq platform "debian_12"}}', '{{eq target "arm64"}}']\n- command: echo three\n  when: '{{ flag }}'\n` })
    const ran = await live(project, 'main.yaml', { extra: ['{"flag": "false"}'] })
    assert.deepEqual(ran.ends, ['a main: command echo one skipped', 'a main: command echo two changed', 'a main: command echo three failed'])
    assert.equal(failures(ran)[0]?.code, 'not-a-boolean')
    assert.equal(failures(ran)[0]?.location?.line, 6)
  })

  test('that uses a variable which is not set fails at its line, after the steps before it', async () => {
    const project = projectOf({ 'main.yaml': '- command: echo one\n- command:\n    cmd: echo {{ nothing }}\n' })
    const ran = await live(project, 'main.yaml')
    assert.deepEqual(lines(ran), ['one'])
    assert.deepEqual([failures(ran)[0]?.code, failures(ran)[0]?.location], ['undefined-variable', { file: join(project.dir, 'main.yaml'), line: 3, column: 5 }])
  })

  test('goes on after a step that may fail', async () => {
    const ran = await live(projectOf({ 'main.yaml': '- command: "false"\n  ignore_errors: true\n- command: echo on\n' }), 'main.yaml')
    assert.deepEqual([ran.code, lines(ran)], [0, ['on']])
  })

  test('copies files that stand beside it', async () => {
    const project = projectOf({ 'debian_12/files/motd': 'hello\n', 'debian_12/hosts.txt.hbs': 'for {{ who }}\n' })
    write(project, 'debian_12/main.yaml', `- copy: { src: files/motd, dest: ${project.dir}/copy }\n- template: { src: hosts.txt, dest: ${project.dir}/made, data: { who: "{{ platform }}" } }\n`)
    assert.equal((await live(project, 'debian_12/main.yaml')).code, 0)
    assert.equal(readFileSync(join(project.dir, 'copy'), 'utf8'), 'hello\n')
    assert.equal(readFileSync(join(project.dir, 'made'), 'utf8'), 'for debian_12\n')
  })

  test('asks for the command only once its guards say so', async () => {
    const project = projectOf({})
    write(project, 'main.yaml', `- command: { cmd: touch made, chdir: ${project.dir}, creates: ${project.dir}/made }\n`)
    assert.match((await live(project, 'main.yaml')).ends.join(), /changed$/)
    assert.match((await live(project, 'main.yaml')).ends.join(), /ok$/)
  })
})

describe('a phase in TypeScript', () => {
  test('has what a task has, $ in the machine, and what is known of the machine', async () => {
    const project = projectOf({ 'main.ts': `import { phase } from 'farm'\nexport default phase({ description: 'Build' }, async ({ $, vars, host, platform, target, project, hypervisorName, status, phase, note }) => {\n  await $\`echo \${[platform, target, project.id, project.revision, hypervisorName, status, phase, String(vars.repository), 'missing' in vars]}\`\n  note('done on ' + host.name)\n})\n` })
    const ran = await live(project, 'main.ts', { extra: ['repository=https://example.org/x.git'] })
    assert.deepEqual(ran.ends, ['a main: Build changed'])
    assert.deepEqual(lines(ran), ['debian_12 arm64 demo 3 boreas running main https://example.org/x.git false'])
    assert.ok(ran.events.some((event) => event.type === 'note' && event.message === 'done on a'))
  })

  test('that reads a variable which is not set fails', async () => {
    const project = projectOf({ 'main.ts': `import { phase } from 'farm'\nexport default phase(async ({ vars }) => { vars.repositry })\n` })
    const [failure] = failures(await live(project, 'main.ts', { extra: ['repository=x'] }))
    assert.deepEqual([failure?.code, failure?.hint], ['undefined-variable', 'did you mean repository?'])
  })

  test('keeps its time limit', async () => {
    const project = projectOf({ 'main.ts': `import { phase } from 'farm'\nexport default phase({ timeout: 0.3 }, async ({ $ }) => { await $\`sleep 20\` })\n` })
    assert.match(failures(await live(project, 'main.ts'))[0]?.message ?? '', /0\.3 s/)
  })

  test('without a phase as its default export, or with an unknown option, is refused when it is read', async () => {
    const project = projectOf({ 'main.ts': 'export default async () => {}\n', 'init.ts': `import { phase } from 'farm'\nexport default phase({ timout: 3 }, () => {})\n` })
    await assert.rejects(loadPhase('main', join(project.dir, 'main.ts'), importFile), { code: 'not-a-phase', exitCode: 65 })
    await assert.rejects(loadPhase('init', join(project.dir, 'init.ts'), importFile), { code: 'recipe-option', hint: 'did you mean timeout?' })
  })
})

describe('terminate', () => {
  /** A life that fails, or does not, in main, and what terminate.sh says. */
  async function said(fails: boolean): Promise<string[]> {
    const project = projectOf({ 'terminate.sh': 'echo "$FARM_STATUS: $FARM_ERROR"\n', 'main.sh': fails ? 'exit 7\n' : 'true\n' })
    const ran = await run(simple([
      block('Life', {
        tasks: [include('main', () => tasksOf(project, 'main.sh'))],
        always: [include('terminate', () => tasksOf(project, 'terminate.sh'))],
      }),
    ]))
    assert.equal(ran.code, fails ? 2 : 0)
    return lines(ran)
  }

  test('is told that all went well', async () => {
    assert.deepEqual(await said(false), ['succeeded: '])
  })

  test('is told what went wrong, and the machine counts as failed nevertheless', async () => {
    assert.deepEqual(await said(true), ['failed: main.sh: exit code 7'])
  })

  test('can be told otherwise by who knows better', async () => {
    const project = projectOf({ 'terminate.yaml': `- command: 'echo {{ status }} {{ failure.message }}'\n  when: '{{eq status "failed"}}'\n` })
    const ran = await run(simple(await tasksOf(project, 'terminate.yaml', { status: 'failed', failure: { code: 'x', message: 'lost' } })))
    assert.deepEqual(lines(ran), ['failed lost'])
  })
})

test('phases run beside other tasks of a recipe', async () => {
  const project = projectOf({ 'init.sh': 'echo init\n' })
  writeFileSync(join(project.dir, 'note'), '')
  const ran = await run(simple([task('Before', () => undefined), ...(await tasksOf(project, 'init.sh'))]), { hosts: ['a', 'b'] })
  assert.deepEqual([...ran.ends].sort(), ['a Before ok', 'a init changed', 'b Before ok', 'b init changed'])
})
