/** YAML as users write it, and the mistakes they make. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { InputError, type Location } from '../../../src/errors.ts'
import { loadYaml, Unsafe, yamlLayer } from '../../../src/vars/index.ts'

function refuses(text: string, at: Partial<Location>, hint?: RegExp): void {
  assert.throws(
    () => yamlLayer(text, 'f.yml'),
    (error: unknown) => {
      assert.ok(error instanceof InputError, String((error as Error).stack))
      assert.equal(error.exitCode, 65)
      assert.deepEqual(error.location, { file: 'f.yml', ...at })
      if (hint) assert.match(error.hint ?? '', hint)
      return true
    },
  )
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown

describe('YAML', () => {
  test('yes, no, on and off are booleans, and quoted they are text', () => {
    assert.deepEqual(plain(yamlLayer('a: yes\nb: No\nc: on\nd: OFF\ne: "yes"\nf: true\ng: y\n', 'f').values), { a: true, b: false, c: true, d: false, e: 'yes', f: true, g: 'y' })
  })
  test('serial numbers, modes, MAC addresses, times and dates stay text', () => {
    const text = 'a: 0012\nb: 52:54:00:00:00:01\nc: 22:22\nd: 2024-10-07\ne: 0755\nf: 20241007-1893\ng: 00\n'
    assert.deepEqual(plain(yamlLayer(text, 'f').values), { a: '0012', b: '52:54:00:00:00:01', c: '22:22', d: '2024-10-07', e: '0755', f: '20241007-1893', g: '00' })
  })
  test('numbers are numbers', () => {
    assert.deepEqual(plain(yamlLayer('a: 5\nb: 0\nc: -1.5\nd: 0.5\ne: 1e3\nf: 0x10\n', 'f').values), { a: 5, b: 0, c: -1.5, d: 0.5, e: 1000, f: 16 })
  })
  test('merge keys work, what is written in the map itself wins, and lists of maps merge the first first', () => {
    const { values } = yamlLayer('a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {x: 9, <<: *a}\nd: {<<: [*a, *b]}\n', 'f')
    assert.deepEqual(plain(values['c']), { x: 9, y: 1 })
    assert.deepEqual(plain(values['d']), { x: 1, y: 1, z: 2 })
  })
  test('one anchor may be used many hundred times', () => {
    const text = `a: &a {x: 1}\nlist:\n${'  - *a\n'.repeat(500)}`
    assert.equal((yamlLayer(text, 'f').values['list'] as unknown[]).length, 500)
  })
  test('a bomb of aliases is refused instead of filling the memory', () => {
    const lines = ['a0: &a0 [1,1,1,1,1,1,1,1,1,1]']
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join(', ')}]`)
    assert.throws(() => yamlLayer(lines.join('\n'), 'f'), { code: 'yaml-size' })
  })
  test('!unsafe keeps text from being a template', () => assert.ok(yamlLayer('a: !unsafe "{{ x }}"', 'f').values['a'] instanceof Unsafe))
  test('every value knows its line and column', () => {
    const layer = yamlLayer('a: 1\nb:\n  - x\n  - k: v\nc: {d: 1}\n', 'f.yml')
    assert.deepEqual(layer.origin(['b', 1, 'k']), { file: 'f.yml', line: 4, column: 5 })
    assert.deepEqual(layer.origin(['b', 0]), { file: 'f.yml', line: 3, column: 5 })
    assert.deepEqual(layer.origin(['c', 'd']), { file: 'f.yml', line: 5, column: 5 })
    assert.equal(layer.origin(['nope']), undefined)
  })
  test('a value that was merged in knows where it was written', () => {
    assert.deepEqual(yamlLayer('a: &a\n  x: 1\nb:\n  <<: *a\n', 'f').origin(['b', 'x']), { file: 'f', line: 2, column: 3 })
  })
  test('an unquoted template is an error that says to quote it', () => {
    refuses('a: 1\nb: {{ a }}\n', { line: 2, column: 5 }, /quote/)
    refuses('a: 1\nb: {{ a }}/x\n', { line: 2, column: 11 }, /quote/)
  })
  test('a key that stands twice is an error at the second', () => refuses('a: 1\nb: 2\na: 3\n', { line: 3, column: 1 }))
  test('tabs are an error that says to indent with spaces', () => refuses('a:\n\tb: 1\n', { line: 2, column: 1 }, /spaces/))
  test('unknown tags are errors', () => refuses('a: !foo bar\n', { line: 1, column: 4 }, /!unsafe/))
  test('names that reach a prototype are refused at every depth', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      refuses(`${key}: 1\n`, { line: 1, column: 1 })
      refuses(`a:\n  - ${key}: {x: 1}\n`, { line: 2, column: 5 })
    }
    assert.equal(({} as Record<string, unknown>)['x'], undefined)
  })
  test('keys that are numbers or booleans become text, as in JSON', () => {
    assert.deepEqual(plain(yamlLayer('ports: {80: http, yes: on}\n2020: x\n', 'f.yml').values), { ports: { 80: 'http', true: true }, 2020: 'x' })
  })
  test('keys that are nothing, aliases without anchor, too large numbers and other documents are errors with a place', () => {
    refuses('a: {null: x}\n', { line: 1, column: 5 }, /quote/)
    refuses('a: *nope\n', { line: 1, column: 4 })
    refuses('a: 12345678901234567890\n', { line: 1, column: 4 }, /quote/)
    refuses('- a\n', { line: 1, column: 1 })
    refuses('a: 1\n---\nb: 1\n', { line: 2, column: 1 })
  })
  test('files are read, empty ones set nothing, and what cannot be read names the file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'farm-yaml-'))
    await writeFile(join(dir, 'empty.yml'), '# nothing\n')
    await writeFile(join(dir, 'latin.yml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]))
    assert.deepEqual(plain((await loadYaml(join(dir, 'empty.yml'))).values), {})
    await assert.rejects(loadYaml(join(dir, 'latin.yml')), { code: 'not-utf8' })
    await assert.rejects(loadYaml(join(dir, 'nope.yml')), { code: 'unreadable-file', location: { file: join(dir, 'nope.yml') } })
    await rm(dir, { recursive: true })
  })
})
