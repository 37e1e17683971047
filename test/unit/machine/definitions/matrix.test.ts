import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../../../src/errors.ts'
import { expandConfig, refuseDuplicates } from '../../../../src/machine/definitions/index.ts'
import { parseYaml } from '../../../../src/vars/index.ts'
import { everything } from './fixture.ts'

const names = (config: unknown): string[] => expandConfig(config).map(({ platform, target }) => `${platform}_${target}`)

function refused(text: string): InputError {
  const parsed = parseYaml(text, 'inventory.yaml')
  try {
    expandConfig(parsed.value, (path) => parsed.locate(path))
  } catch (error) {
    assert.ok(error instanceof InputError)
    return error
  }
  throw new assert.AssertionError({ message: 'nothing was refused' })
}

test('the example of the test farm gives its four machines in the order of ansible_farm: the list first, then the permutations', () => {
  const config = { permutations: { targets: ['amd64', 'arm64', 'ppc64'], platforms: ['debian_12'] }, list: [{ platform: 'Arch-Linux', target: 'amd64' }] }
  assert.deepEqual(names(config), ['Arch-Linux_amd64', 'debian_12_amd64', 'debian_12_arm64', 'debian_12_ppc64'])
})

test('permutations run over the platforms outside and the targets inside', () => {
  assert.deepEqual(names({ permutations: { targets: ['x', 'y'], platforms: ['b', 'a'] } }), ['b_x', 'b_y', 'a_x', 'a_y'])
})

test('no config, an empty one and one with half of the permutations give no machines', () => {
  for (const config of [undefined, null, {}, { permutations: { targets: ['amd64'] } }, { permutations: { platforms: ['debian_12'], targets: [] } }, { list: [] }]) assert.deepEqual(expandConfig(config), [])
})

test('an entry that the permutations give as well is one machine, at the place of the first', () => {
  assert.deepEqual(names({ list: [{ platform: 'a', target: 'y' }, { target: 'y', platform: 'a' }], permutations: { platforms: ['a'], targets: ['x', 'y'] } }), ['a_y', 'a_x'])
})

test('two different entries for one machine are refused, and both places are named', () => {
  const error = refused('list:\n  - {platform: a, target: x, memory: 512}\npermutations:\n  platforms:\n    - a\n  targets: [x]\n')
  assert.equal(error.code, 'duplicate-machine')
  assert.match(error.message, /a_x: a on x with its own memory \(inventory\.yaml:2\) and a on x \(inventory\.yaml:5\)/)
  assert.match(error.hint ?? '', /exclude/)
})

test('entries differ by what they override, and names of their own keep them apart', () => {
  const entries = expandConfig({ list: [{ platform: 'a', target: 'x', name: 'small', memory: 512 }, { platform: 'a', target: 'x', name: 'large', memory: 4096 }] })
  assert.deepEqual(entries.map(({ overrides }) => overrides), [{ name: 'small', memory: 512 }, { name: 'large', memory: 4096 }])
})

test('exclude takes pairs, whole platforms and whole targets out of the permutations, never out of the list', () => {
  const config = { permutations: { targets: ['x', 'y', 'z'], platforms: ['a', 'b'] }, exclude: [{ platform: 'a', target: 'y' }, { target: 'z' }], list: [{ platform: 'a', target: 'z' }] }
  assert.deepEqual(names(config), ['a_z', 'a_x', 'b_x', 'b_y'])
})

test('an exclusion of what is not in the permutations is a mistake', () => {
  assert.match(everything(refused('permutations: {platforms: [debian_12], targets: [amd64]}\nexclude:\n  - platform: debain_12\n')), /debain_12 is none of the permutations' platforms.*\n.*did you mean debian_12\?[^]*inventory\.yaml:3/)
})

test('everything that is wrong with a config is said at once, with its place and the nearest known word', () => {
  const error = refused('permutation: {}\nlist:\n  - {platfrom: a, target: x}\n  - {platform: ../etc, target: x}\n')
  assert.equal(error.details.length, 3)
  const text = everything(error)
  assert.match(text, /permutation is not known here \(inventory\.yaml:1:1\); did you mean permutations\?/)
  assert.match(text, /list\[0\]\.platform: not set.*platfrom is set; should it be called platform\?/)
  assert.match(text, /list\[1\]\.platform: got text "\.\.\/etc".*inventory\.yaml:4/)
})

test('a list of names may be one text, as on the command line, and a release may be a number', () => {
  assert.deepEqual(names({ permutations: { platforms: 'a,b', targets: ['x'] }, list: [{ platform: 12, target: 'x' }] }), ['12_x', 'a_x', 'b_x'])
})

test('names that no file can have are refused', () => {
  for (const name of ['a/b', '..', '.hidden', '-x', '', 'a b', 'defaults']) {
    assert.throws(() => expandConfig({ permutations: { platforms: [name], targets: ['x'] } }), InputError, name)
    assert.throws(() => expandConfig({ list: [{ platform: 'a', target: name }] }), InputError, name)
  }
})

test('two files that give one name to different entries are found after resolving', () => {
  const entry = { platform: 'a', target: 'x', overrides: {} }
  assert.throws(() => refuseDuplicates([{ name: 'web', entry }, { name: 'web', entry: { ...entry, target: 'y' } }]), /one machine web: a on x and a on y/)
})

test('whatever is listed, every pair comes exactly once and in order', () => {
  const word = fc.constantFrom('a', 'b', 'c', 'd')
  fc.assert(fc.property(fc.array(word), fc.array(word), fc.array(fc.record({ platform: word, target: word })), (platforms, targets, list) => {
    const wanted = [...list.map(({ platform, target }) => `${platform}_${target}`), ...platforms.flatMap((platform) => targets.map((target) => `${platform}_${target}`))]
    assert.deepEqual(names({ permutations: { platforms, targets }, list }), [...new Set(wanted)])
  }))
})
