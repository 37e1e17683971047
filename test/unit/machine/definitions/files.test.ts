import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionDir, everything, PLATFORM, refusal, resolve } from './fixture.ts'
import { layerOf, Scope } from '../../../../src/vars/index.ts'

test('expressions see the hypervisor, the names, the fields so far and the variables, and keep their types', async (t) => {
  const dir = await definitionDir(t, {
    'platforms/p.yaml': `${PLATFORM}vcpus: "{{ max 1 (div hypervisor.cpus 4) }}"\nmemory: "{{ if_small }}"\nextra:\n  text: "{{ platform }} on {{ target }} at {{ hypervisor.name }}"\n  arch: "{{ vm.arch }}"\n  list: "{{ variables.list }}"\n  same: "{{ list }}"\n`,
  })
  const machine = await resolve('p/arm64', [dir], { variables: { if_small: 512, list: [1, 'two'] } })
  assert.deepEqual([machine.vcpus, machine.memory], [2, 512])
  assert.deepEqual(machine.extra, { text: 'p on arm64 at notebook', arch: 'aarch64', list: [1, 'two'], same: [1, 'two'] })
})

test('text that comes from variables, entries and vm is never a template', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}extra: {a: "{{ word }}", b: "{{ params.word }}"}\n` })
  const evil = '{{ env "HOME" }}'
  const machine = await resolve('p/amd64', [dir], { variables: { word: evil }, overrides: { params: { word: evil }, extra: { c: evil } }, override: { extra: { d: evil } } })
  assert.deepEqual(machine.extra, { a: evil, b: evil, c: evil, d: evil })
})

test('of a scope only the variables that a definition names are rendered', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}memory: "{{ mem }}"\n` })
  const variables = new Scope([layerOf('all.yml', { base: 500, mem: '{{ add base 12 }}', broken: '{{ nowhere }}' })])
  assert.equal((await resolve('p/amd64', [dir], { variables })).memory, 512)
})

test('an expression that cannot be rendered is refused with file and line', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}extra:\n  deep:\n    - "{{ hypervisr.arch }}"\n` })
  const error = await refusal(resolve('p/amd64', [dir]))
  assert.match(everything(error), /hypervisr\.arch is not defined; used by platform p\.extra\.deep\.0[^]*did you mean hypervisor\?[^]*p\.yaml:6/)
})

test('parameters are merged over all files before any field is rendered: what extends a file fills its blanks', async (t) => {
  const dir = await definitionDir(t, {
    'platforms/base.yaml': `${PLATFORM}params: {size: 1, name: "os-{{ params.version }}", gone: 1}\nmemory: "{{ mul params.size 100 }}"\nextra: {name: "{{ params.name }}", gone: "{{ default params.gone 'gone' }}"}\n`,
    'platforms/p.yaml': 'extends: base\nparams: {version: 12, size: 3, gone: null}\n',
  })
  const machine = await resolve('p/amd64', [dir])
  assert.deepEqual([machine.memory, machine.extra], [300, { name: 'os-12', gone: 'gone' }])
  assert.equal((await resolve('p/amd64', [dir], { overrides: { params: { size: 5 } } })).memory, 500)
})

test('a parameter that nobody sets is refused at the place that uses it', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}memory: "{{ params.size }}"\n` })
  assert.match(everything(await refusal(resolve('p/amd64', [dir]))), /params\.size is not defined; used by platform p\.memory[^]*p\.yaml:4/)
})

test('require refuses a machine in the words of the file, which may name what is there', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}require:\n  - that: "{{ ge hypervisor.memory 32000 }}"\n    message: "{{ hypervisor.name }} has only {{ hypervisor.memory }} MiB"\n    hint: buy more\nmemory: "{{ nowhere }}"\n` })
  const error = await refusal(resolve('p/amd64', [dir]))
  assert.equal(error.message, 'p on amd64: notebook has only 16000 MiB')
  assert.equal(error.hint, 'buy more')
  assert.equal(error.location?.line, 5)
})

test('a .ts definition is a function of the same things, extends and has parameters beside it, and may take its time', async (t) => {
  const dir = await definitionDir(t, {
    'platforms/p.ts': `export const parent = 'base'
export const params = { size: 4 }
interface Context { hypervisor: { cpus: number }; vm: { arch: string; memory: number }; params: { size: number; name: string }; target: string; variables: { flavour: string } }
export default async ({ hypervisor, vm, params, target, variables }: Context) => ({
  vcpus: hypervisor.cpus - params.size, hostname: params.name, memory: vm.memory * 2, extra: { arch: vm.arch, target, flavour: variables.flavour, left: undefined },
})
`,
    'platforms/base.yaml': `${PLATFORM}memory: 100\nparams: {name: "host-{{ target }}"}\n`,
  })
  const machine = await resolve('p/amd64', [dir], { variables: { flavour: 'plain' } })
  assert.deepEqual([machine.vcpus, machine.memory, machine.hostname], [4, 200, 'host-amd64'])
  assert.deepEqual(machine.extra, { arch: 'x86_64', target: 'amd64', flavour: 'plain' })
})

test('a .ts definition that is none, throws, or gives something else than data is refused with its place', async (t) => {
  const dir = await definitionDir(t, {
    'platforms/none.ts': 'export const x = 1\n',
    'platforms/throws.ts': '\nexport default () => { throw new Error("no room at the inn") }\n',
    'platforms/list.ts': 'export default () => [1]\n',
    'platforms/code.ts': 'export default () => ({ extra: { run: () => 1 } })\n',
    'platforms/date.ts': 'export default () => ({ extra: { when: new Date(0) } })\n',
    'platforms/extends.ts': 'export default () => ({ extends: "debian_12" })\n',
    'platforms/typo.ts': 'export default () => ({ memmory: 3 })\n',
  })
  const said = async (name: string): Promise<string> => everything(await refusal(resolve(`${name}/amd64`, [dir])))
  assert.match(await said('none'), /exports no function by default/)
  assert.match(await said('throws'), /platform throws: no room at the inn[^]*throws\.ts:2/)
  assert.match(await said('list'), /the function of platform list gives the list \[1\]/)
  assert.match(await said('code'), /extra\.run of platform code is a function/)
  assert.match(await said('date'), /extra\.when of platform date is an object of a class/)
  assert.match(await said('extends'), /export const parent/)
  assert.match(await said('typo'), /memmory is not known here \(.*typo\.ts\)[^]*did you mean memory\?/)
})

test('a definition that is no map, or whose extends, params or require are not what they have to be, is refused at its line', async (t) => {
  const dir = await definitionDir(t, { 'platforms/list.yaml': '- a\n', 'platforms/ext.yaml': '# x\nextends: ../debian\n', 'platforms/par.yaml': 'params: [a]\n', 'platforms/req.yaml': 'require:\n  - that: true\n', 'platforms/cond.yaml': 'require: {that: "yes please", message: m}\n', 'platforms/tmpl.yaml': 'extends: "{{ target }}"\n' })
  for (const [name, pattern] of [['list', /a definition is a map of fields/], ['ext', /extends: got text.*\n[^]*ext\.yaml:2/], ['par', /params: got the list/], ['req', /require: got[^]*req\.yaml:2/], ['cond', /got text "yes please", expected true or false/], ['tmpl', /extends: got/]] as const) {
    assert.match(everything(await refusal(resolve(`${name}/amd64`, [dir]))), pattern, name)
  }
})

test('null takes a field of an earlier file away, also within maps', async (t) => {
  const dir = await definitionDir(t, { 'targets/t.yaml': 'extends: amd64\ncmdline: quiet\ncpu: {kvm: null, qemu: max}\nextra: {a: 1, b: {c: 1, d: 2}}\n', 'platforms/p.yaml': `${PLATFORM}cmdline: null\nextra: {a: null, b: {c: null}}\n` })
  const machine = await resolve('p/t', [dir])
  assert.equal(machine.cmdline, undefined)
  assert.deepEqual(machine.cpu, { kvm: undefined, qemu: 'max' })
  assert.deepEqual(machine.extra, { b: { d: 2 } })
})
