import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { withBlock, withLine, withoutLine } from '../../../src/ensure/lines.ts'
import { failureOf } from '../host/rig.ts'
import { bench } from './bench.ts'

describe('a line that shall be in a text', () => {
  const table: readonly [string, string, Parameters<typeof withLine>[1], string][] = [
    ['is added at the end', 'a\nb\n', { line: 'c' }, 'a\nb\nc\n'],
    ['ends a last line that had no ending', 'a\nb', { line: 'c' }, 'a\nb\nc\n'],
    ['is the first of an empty file', '', { line: 'c' }, 'c\n'],
    ['is left where it is', 'a\nc\nb', { line: 'c' }, 'a\nc\nb'],
    ['takes the place of the last match', 'x=1\ny\nx=2\n', { line: 'x=3', regexp: /^x=/ }, 'x=1\ny\nx=3\n'],
    ['takes the place of the first match when asked to', 'x=1\ny\nx=2\n', { line: 'x=3', regexp: /^x=/, firstMatch: true }, 'x=3\ny\nx=2\n'],
    ['keeps the missing ending of the line that it replaces', 'y\nx=2', { line: 'x=3', regexp: /^x=/ }, 'y\nx=3'],
    ['keeps the endings of Windows', 'a\r\nx=1\r\n', { line: 'x=2', regexp: /^x=\d$/ }, 'a\r\nx=2\r\n'],
    ['is added with the endings of Windows', 'a\r\nb\r\n', { line: 'c' }, 'a\r\nb\r\nc\r\n'],
    ['is added when nothing matches', 'a\n', { line: 'x=3', regexp: /^x=/ }, 'a\nx=3\n'],
    ['goes after a match', 'a\n[s]\nb\n', { line: 'c', insertAfter: /^\[s\]/ }, 'a\n[s]\nc\nb\n'],
    ['goes after a match in the last line, which has no ending', 'a\n[s]', { line: 'c', insertAfter: /^\[s\]/ }, 'a\n[s]\nc\n'],
    ['goes to the end when there is nothing to go after', 'a\n', { line: 'c', insertAfter: /^\[s\]/ }, 'a\nc\n'],
    ['goes before a match', 'a\nb\n', { line: 'c', insertBefore: /^b/ }, 'a\nc\nb\n'],
    ['goes to the beginning', 'a\n', { line: 'c', insertBefore: 'BOF' }, 'c\na\n'],
    ['is made of groups', 'user = bob # x\n', { line: '\\1 = eve \\g<rest>', regexp: /^(user) = \w+ (?<rest>.*)$/, backrefs: true }, 'user = eve # x\n'],
    ['with groups leaves a text without a match alone', 'a\n', { line: '\\1', regexp: /^(z)/, backrefs: true }, 'a\n'],
    ['takes a dollar for a dollar', 'a=1\n', { line: "a=$1$&$'", regexp: /^a=(.)/ }, "a=$1$&$'\n"],
  ]
  for (const [title, before, edit, after] of table) {
    it(title, () => {
      assert.equal(withLine(before, edit), after)
      if (!edit.backrefs) assert.equal(withLine(after, edit), after, 'the second time changes nothing')
    })
  }

  it('that shall be absent goes wherever it is', () => {
    assert.equal(withoutLine('a\nb\na', { line: 'a' }), 'b\n')
    assert.equal(withoutLine('a1\r\nb\r\na2\r\n', { regexp: /^a\d$/ }), 'b\r\n')
    assert.equal(withoutLine('a\n', { line: 'A' }), 'a\n')
  })
})

describe('a block that shall be in a text', () => {
  const markers = { begin: '# BEGIN', end: '# END' }
  it('is added, replaced and removed with its markers', () => {
    const one = withBlock('a', { ...markers, block: 'x\ny\n' })
    assert.equal(one, 'a\n# BEGIN\nx\ny\n# END\n')
    assert.equal(withBlock(one, { ...markers, block: 'x\ny' }), one)
    const two = withBlock(`${one}tail\n`, { ...markers, block: '' })
    assert.equal(two, 'a\n# BEGIN\n# END\ntail\n')
    assert.equal(withBlock(two, { ...markers, block: undefined }), 'a\ntail\n')
    assert.equal(withBlock('a\nb\n', { ...markers, block: 'x', insertAfter: /^a/ }), 'a\n# BEGIN\nx\n# END\nb\n')
  })
  it('is an error when its end is missing', () => {
    assert.throws(() => withBlock('a\n# BEGIN\nx\n', { ...markers, block: 'y' }), /line 2, and no "# END"/)
  })
})

describe('ensure.line and ensure.block', { timeout: 30_000 }, () => {
  it('edit a file in two round trips, show the difference, and change nothing the second time', async (t) => {
    const { ensure, check, path, changes, roundTrips } = await bench(t)
    writeFileSync(path('conf'), 'a = 1\nb = 2\n', { mode: 0o600 })
    const wanted = { path: path('conf'), line: 'b = 3', regexp: '(?i)^B\\s*=' }
    assert.deepEqual(await check.line(wanted), { changed: true })
    assert.equal(readFileSync(path('conf'), 'utf8'), 'a = 1\nb = 2\n')
    roundTrips()
    assert.deepEqual(await ensure.line(wanted), { changed: true })
    assert.equal(roundTrips(), 2)
    assert.deepEqual(await ensure.line(wanted), { changed: false })
    assert.deepEqual(changes()[1], { summary: `write the line "b = 3" to ${path('conf')}`, applied: true, before: 'a = 1\nb = 2\n', after: 'a = 1\nb = 3\n' })
    assert.deepEqual(await ensure.line({ path: path('conf'), regexp: '^a', state: 'absent' }), { changed: true })
    assert.deepEqual(await ensure.line({ path: path('conf'), regexp: '^a', state: 'absent' }), { changed: false })
    assert.equal(readFileSync(path('conf'), 'utf8'), 'b = 3\n')
    const block = { path: path('conf'), block: 'x\ny', insertBefore: 'BOF' as const }
    assert.deepEqual(await ensure.block(block), { changed: true })
    assert.deepEqual(await ensure.block(block), { changed: false })
    assert.equal(readFileSync(path('conf'), 'utf8'), '# BEGIN FARM MANAGED BLOCK\nx\ny\n# END FARM MANAGED BLOCK\nb = 3\n')
    assert.deepEqual(await ensure.block({ path: path('conf'), state: 'absent' }), { changed: true })
    assert.equal(readFileSync(path('conf'), 'utf8'), 'b = 3\n')
  })

  it('make a missing file only when asked to, and foresee it in check mode', async (t) => {
    const { ensure, check, path } = await bench(t)
    const wanted = { path: path('conf'), line: 'x' }
    assert.equal((await failureOf(ensure.line(wanted))).code, 'file-missing')
    assert.deepEqual(await check.line(wanted), { changed: true })
    assert.equal(existsSync(path('conf')), false)
    assert.deepEqual(await ensure.line({ ...wanted, state: 'absent' }), { changed: false })
    assert.deepEqual(await ensure.line({ ...wanted, create: true }), { changed: true })
    assert.equal(readFileSync(path('conf'), 'utf8'), 'x\n')
  })

  it('leave bytes alone that are no UTF-8', async (t) => {
    const { ensure, path } = await bench(t)
    writeFileSync(path('conf'), Buffer.from('caf\xe9\nb\n', 'latin1'))
    assert.deepEqual(await ensure.line({ path: path('conf'), line: 'ü', regexp: '^b' }), { changed: true })
    assert.deepEqual(readFileSync(path('conf')), Buffer.concat([Buffer.from('caf\xe9\n', 'latin1'), Buffer.from('ü\n')]))
    assert.deepEqual(await ensure.line({ path: path('conf'), line: 'ü', regexp: '^b' }), { changed: false })
  })

  it('refuse what cannot be meant', async (t) => {
    const { ensure } = await bench(t)
    assert.match((await failureOf(ensure.line({ path: '/x', line: 'a', regexp: '(' }))).message, /regexp/)
    assert.match((await failureOf(ensure.line({ path: '/x' }))).message, /line/)
    assert.match((await failureOf(ensure.line({ path: '/x', line: 'a\nb' }))).message, /ensure\.block/)
    assert.match((await failureOf(ensure.block({ path: '/x', block: '', marker: '#' }))).message, /\{mark\}/)
  })
})
