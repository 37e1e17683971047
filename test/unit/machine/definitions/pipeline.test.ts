import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { definitionDir, everything, refusal, resolve } from './fixture.ts'

const BASE = 'image:\n  - fetch: {url: https://example.com/a.qcow2.xz, checksum: none}\n  - unarchive\n  - seed: {reader: cloud-init, packages: [git]}\n'

async function steps(t: TestContext, text: string): Promise<[string, unknown][]> {
  const dir = await definitionDir(t, { 'platforms/base.yaml': BASE, 'platforms/p.yaml': `extends: base\n${text}` })
  return (await resolve('p/amd64', [dir])).image.map(({ step, args }) => [step, args])
}
async function refused(t: TestContext, text: string): Promise<string> {
  const dir = await definitionDir(t, { 'platforms/base.yaml': BASE, 'platforms/p.yaml': `extends: base\n${text}` })
  return everything(await refusal(resolve('p/amd64', [dir])))
}
const names = async (t: TestContext, text: string): Promise<string[]> => (await steps(t, text)).map(([name]) => name)

test('a step is inserted into the definition that a file extends, in a few lines, as the example does it', async (t) => {
  const dir = await definitionDir(t, { 'platforms/debian_12.yaml': 'extends: debian_12\nimage:\n  insert:\n    after: fetch\n    steps:\n      - resize: {size: 10G, partition: 1}\n' })
  const { image } = await resolve('debian_12/arm64', [dir])
  assert.deepEqual(image.map(({ step }) => step), ['fetch', 'resize', 'seed'])
  assert.deepEqual(image[1]?.args, { size: '10G', partition: 1 })
  assert.deepEqual([image[1]?.location?.file.endsWith('/debian_12.yaml'), image[1]?.location?.line], [true, 6])
})

test('a list replaces the pipeline, and a step without arguments is its name alone', async (t) => {
  assert.deepEqual(await steps(t, 'image:\n  - seed\n  - seed:\n'), [['seed', {}], ['seed', {}]])
})

test('steps are put before and after others, first and last, several at once', async (t) => {
  const edit = 'image:\n  prepend: [zero]\n  append: [last, {copy: {to: x}}]\n  insert:\n    - {before: seed, steps: [one, two]}\n    - {after: fetch, steps: [three]}\n    - {after: three, steps: [four]}\n'
  assert.deepEqual(await names(t, edit), ['zero', 'fetch', 'three', 'four', 'unarchive', 'one', 'two', 'seed', 'last', 'copy'])
})

test("a step's arguments are changed one by one, null takes one away, and steps are removed", async (t) => {
  assert.deepEqual(await steps(t, 'image:\n  set:\n    seed: {packages: [vim], user: me, reader: null}\n  remove: unarchive\n'), [['fetch', { url: 'https://example.com/a.qcow2.xz', checksum: 'none' }], ['seed', { packages: ['vim'], user: 'me' }]])
  assert.deepEqual(await names(t, 'image: {remove: [unarchive, fetch]}\n'), ['seed'])
})

test('null empties the pipeline, which is refused with what to write', async (t) => {
  assert.match(await refused(t, 'image: null\n'), /image: the pipeline has no step[^]*write image:/)
})

test('a step that is not there is refused with those that are, wherever it is named', async (t) => {
  for (const edit of ['insert: {after: fetsh, steps: [x]}', 'insert: {before: fetsh, steps: [x]}', 'set: {fetsh: {a: 1}}', 'remove: fetsh']) {
    assert.match(await refused(t, `image:\n  ${edit}\n`), /there is no step fetsh in the pipeline so far \(fetch, unarchive, seed\)[^]*did you mean fetch\?[^]*p\.yaml:3/, edit)
  }
})

test('what is neither a pipeline nor an edit of one is refused, all at once', async (t) => {
  const text = await refused(t, 'image:\n  inset: 1\n  insert: {after: fetch, before: seed, steps: []}\n  append: seed\n  prepend: [{a: 1, b: 2}, {seed: x}, "A b"]\n')
  for (const pattern of [/image\.inset is not known here.*did you mean insert\?/, /image\.insert: got the map/, /image\.append: got text "seed", expected a list of steps/, /image\.prepend\[0\]: got/, /image\.prepend\[1\]: got/, /image\.prepend\[2\]: got text "A b"/]) assert.match(text, pattern)
  assert.match(await refused(t, 'image:\n  fetch: {url: x}\n'), /begin each step with "- "/)
  assert.match(await refused(t, 'image: seed\n'), /image: got text "seed", expected a list of steps/)
})

test('the arguments of a step that is there twice are not guessed at', async (t) => {
  const dir = await definitionDir(t, { 'platforms/base.yaml': 'image: [seed, seed]\n', 'platforms/p.yaml': 'extends: base\nimage: {set: {seed: {a: 1}}}\n' })
  assert.match(everything(await refusal(resolve('p/amd64', [dir]))), /there are 2 steps seed/)
})

test('vm.image shows the pipeline so far to expressions', async (t) => {
  assert.deepEqual(await steps(t, 'image:\n  - seed: {was: "{{ length vm.image }}", first: "{{ vm.image.[0].fetch.url }}"}\n'), [['seed', { was: 3, first: 'https://example.com/a.qcow2.xz' }]])
})
