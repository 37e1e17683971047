import assert from 'node:assert/strict'
import { chownSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { Ensure } from '../../../src/ensure/index.ts'
import { failureOf } from '../host/rig.ts'
import { bench, ODD_NAMES } from './bench.ts'

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8)

describe('ensure.file', { timeout: 60_000 }, () => {
  it('writes in two round trips, then only looks, and changes nothing the second time', async (t) => {
    const { ensure, path, changes, roundTrips, leftovers } = await bench(t)
    const wanted = { path: path('motd'), content: 'hello\n', mode: '0640' }
    assert.deepEqual(await ensure.file(wanted), { changed: true })
    assert.equal(roundTrips(), 2)
    assert.equal(readFileSync(path('motd'), 'utf8'), 'hello\n')
    assert.equal(mode(path('motd')), '640')
    assert.deepEqual(changes(), [{ summary: `create ${path('motd')}`, applied: true, before: '', after: 'hello\n' }])
    assert.deepEqual(await ensure.file(wanted), { changed: false })
    assert.equal(roundTrips(), 1)
    assert.deepEqual([changes(), leftovers()], [[], []])
  })

  it('says in check mode what it would do, and does not', async (t) => {
    const { check, path, changes } = await bench(t)
    assert.deepEqual(await check.file({ path: path('x'), content: 'new\n' }), { changed: true })
    writeFileSync(path('y'), 'old\n', { mode: 0o600 })
    assert.deepEqual(await check.file({ path: path('y'), content: 'new\n', mode: 0o644 }), { changed: true })
    assert.equal(existsSync(path('x')), false)
    assert.equal(readFileSync(path('y'), 'utf8'), 'old\n')
    assert.deepEqual(changes().map(({ summary, applied, before, after }) => [summary, applied, before, after]), [
      [`create ${path('x')}`, false, '', 'new\n'],
      [`write ${path('y')} and set the mode of ${path('y')} to 0644`, false, 'old\n', 'new\n'],
    ])
  })

  it('keeps the mode and the owner of a file when only its content is given', async (t) => {
    const { ensure, path } = await bench(t)
    writeFileSync(path('x'), 'old', { mode: 0o604 })
    chownSync(path('x'), 12345, 23456)
    assert.deepEqual(await ensure.file({ path: path('x'), content: 'new' }), { changed: true })
    const { uid, gid } = statSync(path('x'))
    assert.deepEqual([mode(path('x')), uid, gid], ['604', 12345, 23456])
  })

  it('sets mode, owner and group alone, by name or number, and shows the difference', async (t) => {
    const { ensure, path, changes } = await bench(t)
    writeFileSync(path('x'), 'same', { mode: 0o600 })
    const wanted = { path: path('x'), content: 'same', mode: '644', owner: 'nobody', group: 4321 }
    assert.deepEqual(await ensure.file(wanted), { changed: true })
    assert.deepEqual(await ensure.file(wanted), { changed: false })
    assert.deepEqual(await ensure.file({ path: path('x'), owner: 65534 }), { changed: false })
    assert.deepEqual(changes(), [{ summary: `set the mode of ${path('x')} to 0644, the owner to nobody and the group to 4321`, applied: true, before: 'mode: 0600\nowner: root\ngroup: root\n', after: 'mode: 0644\nowner: nobody\ngroup: 4321\n' }])
  })

  it('writes what a link points to, and keeps the link', async (t) => {
    const { ensure, path } = await bench(t)
    writeFileSync(path('real'), 'old')
    symlinkSync('real', path('link'))
    await ensure.file({ path: path('link'), content: 'new' })
    assert.equal(readlinkSync(path('link')), 'real')
    assert.equal(readFileSync(path('real'), 'utf8'), 'new')
  })

  it('does not know a file that is made only where there is none as changed again, and leaves its content alone', async (t) => {
    const { ensure, path } = await bench(t)
    assert.deepEqual(await ensure.file({ path: path('x') }), { changed: true })
    writeFileSync(path('x'), 'theirs')
    assert.deepEqual(await ensure.file({ path: path('x') }), { changed: false })
    assert.equal(readFileSync(path('x'), 'utf8'), 'theirs')
    assert.deepEqual(await ensure.file({ path: path('x'), state: 'touch' }), { changed: true })
  })

  it('removes a file or a link, never what the link points to and never a directory', async (t) => {
    const { ensure, path, check } = await bench(t)
    writeFileSync(path('real'), '')
    symlinkSync('real', path('link'))
    mkdirSync(path('sub'))
    assert.deepEqual(await check.file({ path: path('link'), state: 'absent' }), { changed: true })
    assert.deepEqual(await ensure.file({ path: path('link'), state: 'absent' }), { changed: true })
    assert.deepEqual(await ensure.file({ path: path('link'), state: 'absent' }), { changed: false })
    assert.equal(existsSync(path('real')), true)
    assert.equal((await failureOf(ensure.file({ path: path('sub'), state: 'absent' }))).code, 'file-type')
    assert.equal((await failureOf(ensure.file({ path: path('sub'), content: 'x' }))).code, 'file-type')
  })

  it('shows sizes and digests in place of what is no text', async (t) => {
    const { ensure, path, changes } = await bench(t)
    writeFileSync(path('x'), Buffer.from([0, 1, 2, 255]))
    await ensure.file({ path: path('x'), content: 'text\n' })
    const [change] = changes()
    assert.match(change?.before ?? '', /^4 bytes, sha256 3d1f57c9/)
    assert.match(change?.after ?? '', /^5 bytes, sha256 /)
  })

  it('works with names and contents that shells stumble over', async (t) => {
    const { ensure, path } = await bench(t)
    for (const name of ODD_NAMES) {
      const wanted = { path: path(name), content: `${name}\n\\n %s $HOME\r\n` }
      assert.deepEqual(await ensure.file(wanted), { changed: true }, name)
      assert.deepEqual(await ensure.file(wanted), { changed: false }, name)
      assert.equal(readFileSync(path(name), 'utf8'), wanted.content)
    }
  })

  it('lets a command refuse the new file, and then leaves the old one as it was', async (t) => {
    const { ensure, path, leftovers } = await bench(t)
    writeFileSync(path('x'), 'good\n')
    const error = await failureOf(ensure.file({ path: path('x'), content: 'bad\n', validate: 'echo checking; grep -q good %s' }))
    assert.equal(error.code, 'file-invalid')
    assert.deepEqual(error.details, ['checking'])
    assert.equal(readFileSync(path('x'), 'utf8'), 'good\n')
    assert.deepEqual(leftovers(), [])
    await ensure.file({ path: path('x'), content: 'very good\n', validate: 'grep -q good %s' })
  })

  it('says that the directory is missing', async (t) => {
    const { ensure, path } = await bench(t)
    const error = await failureOf(ensure.file({ path: path('no/such/x'), content: '' }))
    assert.equal(error.code, 'file-write')
    assert.match(error.hint ?? '', /ensure\.directory/)
  })
})

describe('the arguments of a primitive', { timeout: 60_000 }, () => {
  const refused = async (ensure: Ensure, args: object): Promise<string> => (await failureOf(ensure.file(args as never))).message

  it('are refused with the primitive, the argument and the reason', async (t) => {
    const { ensure, roundTrips } = await bench(t)
    assert.match(await refused(ensure, { path: 'etc/x' }), /^ensure\.file: path: a path on the host must be absolute/)
    assert.match(await refused(ensure, { path: '/x', contents: 'typo' }), /contents/)
    assert.match(await refused(ensure, { path: '/x', state: 'absent', content: 'x' }), /content: goes with state present/)
    assert.match(await refused(ensure, { path: '/x', owner: 'a:b' }), /owner/)
    assert.equal(roundTrips(), 0)
  })

  it('take modes as octal text or octal numbers, and refuse decimal ones', async (t) => {
    const { ensure, path } = await bench(t)
    for (const [given, meant] of [['0644', '644'], ['755', '755'], ['0o600', '600'], ['2775', '2775'], ['01777', '1777'], [0o644, '644'], [0o4755, '4755'], [0o400, '400'], [0o2750, '2750']] as const) {
      await ensure.file({ path: path('x'), mode: given })
      assert.equal(mode(path('x')), meant, String(given))
    }
    for (const decimal of [644, 755, 600, 640, 400, 440, 444, 500, 555, 664, 700, 750, 775, 777, 1777, 2755, 4755]) assert.match(await refused(ensure, { path: path('x'), mode: decimal }), /0o644/, String(decimal))
    for (const text of ['u+x', '0888', '', '99999', 'rw']) assert.match(await refused(ensure, { path: path('x'), mode: text }), /no mode/, text)
    assert.equal(lstatSync(path('x')).isFile(), true)
  })
})
