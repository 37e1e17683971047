import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packaged } from '../../../../src/paths.ts'
import { resolveDefinition } from '../../../../src/machine/definitions/index.ts'
import { definitionDir, everything, facts, PLATFORM, refusal, resolve } from './fixture.ts'

test('a platform that does not exist is refused with every path that was tried and the name that was meant', async (t) => {
  const dir = await definitionDir(t, { 'platforms/alpine.yaml': PLATFORM })
  const error = await refusal(resolve('debain_12/amd64', [dir]))
  assert.equal(error.code, 'definition-missing')
  assert.match(error.message, /there is no platform debain_12 \(wanted for debain_12 on amd64\)/)
  assert.equal(error.hint, 'did you mean debian_12?')
  assert.deepEqual(error.location, { file: 'inventory.yaml', line: 7 })
  assert.deepEqual(error.details, [dir, packaged('inventory')].map((base) => `not found: ${base}/platforms/debain_12{.yaml,.yml,.ts,.js}`))
})

test('a target that does not exist lists those that do, the user’s among them', async (t) => {
  const dir = await definitionDir(t, { 'targets/toaster.yml': 'arch: armv7l\nmachine: virt\n' })
  const error = await refusal(resolve('debian_12/xyzzy', [dir]))
  assert.equal(error.hint, 'known: amd64, arm64, ppc64, riscv64, s390x, toaster')
})

test('the first directory wins, .yaml before .yml, and a directory of that name is no definition', async (t) => {
  const first = await definitionDir(t, { 'platforms/p.yml': `memory: 300\n${PLATFORM}`, 'platforms/p.yaml': `memory: 200\n${PLATFORM}`, 'platforms/q.yaml/x': '' })
  const second = await definitionDir(t, { 'platforms/p.yaml': `memory: 100\n${PLATFORM}`, 'platforms/q.yaml': `memory: 400\n${PLATFORM}` })
  assert.equal((await resolve('p/amd64', [first, second])).memory, 200)
  assert.equal((await resolve('q/amd64', [first, second])).memory, 400)
})

test('layers are merged in order: target, defaults, platform, platform on target, entry, and last the variable vm', async (t) => {
  const layers = ['target', 'defaults', 'platform', 'both', 'entry', 'vm']
  const extra = (name: string): string => `extra:\n  last: ${name}\n${layers.slice(layers.indexOf(name)).map((later) => `  until_${later}: ${name}\n`).join('')}`
  const dir = await definitionDir(t, {
    'targets/t.yaml': `arch: x86_64\nmachine: q35\n${extra('target')}`, 'platforms/defaults.yaml': extra('defaults'), 'platforms/p.yaml': `${PLATFORM}${extra('platform')}`, 'platforms/p/t.yaml': extra('both'),
  })
  const data = (name: string): Record<string, unknown> => ({ extra: Object.fromEntries([['last', name], ...layers.slice(layers.indexOf(name)).map((later) => [`until_${later}`, name])]) })
  const machine = await resolve('p/t', [dir], { overrides: data('entry'), override: data('vm') })
  assert.deepEqual(machine.extra, { last: 'vm', ...Object.fromEntries(layers.map((name) => [`until_${name}`, name])) })
  assert.deepEqual(machine.files.map((file) => file.replace(dir, '').replace(packaged('inventory'), 'own')), ['/targets/t.yaml', 'own/platforms/defaults.yaml', '/platforms/defaults.yaml', '/platforms/p.yaml', '/platforms/p/t.yaml'])
})

test("a user's defaults lie over farm's and do not replace them; the first user's directory that has them counts", async (t) => {
  const first = await definitionDir(t, { 'platforms/defaults.yaml': 'memory: 777\n', 'platforms/p.yaml': PLATFORM })
  const second = await definitionDir(t, { 'platforms/defaults.yaml': 'memory: 888\nvcpus: 7\n' })
  const machine = await resolve('p/amd64', [first, second])
  assert.deepEqual([machine.memory, machine.vcpus, machine.disks[0]?.size], [777, 2, 10 * 2 ** 30])
})

test('a target that says how many CPUs and how much memory its machines have is heard', async (t) => {
  const dir = await definitionDir(t, { 'targets/big.yaml': 'extends: amd64\nvcpus: 8\nmemory: 8G\n', 'platforms/p.yaml': PLATFORM })
  const machine = await resolve('p/big', [dir])
  assert.deepEqual([machine.arch, machine.vcpus, machine.memory], ['x86_64', 8, 8192])
})

test('extends goes over several files and directories, and the extending file wins', async (t) => {
  const dir = await definitionDir(t, { 'platforms/a.yaml': 'extends: b\nmemory: 100\n', 'platforms/b.yaml': 'extends: debian_12\nmemory: 200\nvcpus: 3\n' })
  const machine = await resolve('a/amd64', [dir])
  assert.deepEqual([machine.memory, machine.vcpus, machine.image[0]?.step], [100, 3, 'fetch'])
})

test('a file that extends its own name means the one that it hides', async (t) => {
  const dir = await definitionDir(t, { 'platforms/debian_12.yaml': 'extends: debian_12\nmemory: 4096\n' })
  const machine = await resolve('debian_12/amd64', [dir])
  assert.deepEqual([machine.memory, machine.image[0]?.step], [4096, 'fetch'])
  const lonely = await definitionDir(t, { 'platforms/own.yaml': 'extends: own\n' })
  assert.match((await refusal(resolve('own/amd64', [lonely]))).message, /there is no platform own in the directories that follow \(extended by .*own\.yaml\)/)
})

test('definitions that extend each other in a circle are named, each with its place', async (t) => {
  const dir = await definitionDir(t, { 'platforms/a.yaml': 'extends: b\n', 'platforms/b.yaml': '\nextends: c\n', 'platforms/c.yaml': 'extends: b\n' })
  const error = await refusal(resolve('a/amd64', [dir]))
  assert.match(error.message, /circle: platform b → platform c → platform b/)
  assert.match(everything(error), /platform b extends c \(.*b\.yaml:2/)
})

test('a missing definition that another extends is refused at the line that asks for it', async (t) => {
  const dir = await definitionDir(t, { 'platforms/a.yaml': '# a\nextends: debian_21\n' })
  assert.match(everything(await refusal(resolve('a/amd64', [dir]))), /no platform debian_21 \(extended by .*a\.yaml\)\ndid you mean debian_1\d\?\n.*a\.yaml:2/)
})

test('names that would lead out of the directories never reach the disk', async () => {
  for (const [platform, target] of [['../x', 'amd64'], ['a b', 'amd64'], ['.git', 'amd64'], ['debian_12', '..'], ['', 'amd64'], ['defaults', 'amd64']] as const) {
    const error = await refusal(resolveDefinition({ platform, target, overrides: {} }, { dirs: [], facts, importModule: () => Promise.resolve({}) }))
    assert.equal(error.code, 'definition-name', platform)
  }
})
