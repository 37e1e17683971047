import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { isSystemDirectory } from '../../../src/ensure/remove-directory.ts'
import { failureOf } from '../host/rig.ts'
import { bench, ODD_NAMES } from './bench.ts'

const bits = (path: string): string => (statSync(path).mode & 0o7777).toString(8)

describe('ensure.directory', { timeout: 60_000 }, () => {
  it('makes a directory with those above it, and changes nothing the second time', async (t) => {
    const { ensure, check, path, roundTrips, changes } = await bench(t)
    const wanted = { path: `${path('a', 'b', ODD_NAMES[5] ?? '')}/`, mode: '2750', owner: 'nobody' }
    assert.deepEqual(await check.directory(wanted), { changed: true })
    assert.equal(existsSync(path('a')), false)
    roundTrips()
    assert.deepEqual(await ensure.directory(wanted), { changed: true })
    assert.equal(roundTrips(), 2)
    assert.deepEqual([bits(wanted.path), bits(path('a')), statSync(wanted.path).uid], ['2750', '755', 65534])
    assert.deepEqual(await ensure.directory(wanted), { changed: false })
    assert.equal(changes().length, 2)
  })

  it('sets owner and modes of all below it when asked to, and leaves links alone', async (t) => {
    const { ensure, path } = await bench(t)
    mkdirSync(path('d', 'sub'), { recursive: true })
    writeFileSync(path('d', 'sub', '-rf'), '', { mode: 0o755 })
    writeFileSync(path('outside'), '', { mode: 0o600 })
    symlinkSync('../outside', path('d', 'link'))
    const wanted = { path: path('d'), owner: 'nobody', mode: '0700', fileMode: '0640', recurse: true }
    assert.deepEqual(await ensure.directory(wanted), { changed: true })
    assert.deepEqual([bits(path('d', 'sub')), bits(path('d', 'sub', '-rf')), statSync(path('d', 'sub', '-rf')).uid], ['700', '640', 65534])
    assert.deepEqual([bits(path('outside')), statSync(path('outside')).uid], ['600', 0])
    assert.deepEqual(await ensure.directory(wanted), { changed: false })
    chmodSync(path('d', 'sub', '-rf'), 0o600)
    assert.deepEqual(await ensure.directory(wanted), { changed: true })
    chownSync(path('d', 'sub', '-rf'), 1, 1)
    assert.deepEqual(await ensure.directory(wanted), { changed: true })
    assert.equal((await failureOf(ensure.directory({ path: path('outside') }))).code, 'file-type')
  })

  it('removes a directory with what is in it; of a link, the link', async (t) => {
    const { ensure, path, changes } = await bench(t)
    mkdirSync(path('d', 'sub'), { recursive: true })
    symlinkSync('d', path('link'))
    assert.deepEqual(await ensure.directory({ path: `${path('link')}/`, state: 'absent' }), { changed: true })
    assert.equal(existsSync(path('d', 'sub')), true)
    assert.deepEqual(await ensure.directory({ path: path('d'), state: 'absent' }), { changed: true })
    assert.deepEqual(await ensure.directory({ path: path('d'), state: 'absent' }), { changed: false })
    assert.equal(changes()[1]?.summary, `remove ${path('d')} with 1 entry in it`)
  })

  it('refuses to remove what belongs to the system, however it is named', async (t) => {
    const { ensure, check, path, changes } = await bench(t)
    symlinkSync('/', path('up'))
    for (const name of ['/', '/etc', '/usr/', '//usr', '/usr/bin/../lib', '/proc/self', '/var/lib']) assert.equal((await failureOf(check.directory({ path: name, state: 'absent' }))).code, 'directory-system', name)
    // Seen by its real path alone.
    assert.equal((await failureOf(check.directory({ path: path('up', 'etc'), state: 'absent' }))).code, 'directory-system')
    for (const name of ['', 'etc', '.']) assert.equal((await failureOf(ensure.directory({ path: name, state: 'absent' }))).code, 'primitive', name)
    assert.deepEqual([isSystemDirectory('/srv/www'), isSystemDirectory('/opt/app'), isSystemDirectory('/srv')], [false, false, true])
    assert.deepEqual(changes(), [])
  })
})

describe('ensure.link', { timeout: 60_000 }, () => {
  it('makes, changes and removes a link, and does not touch what it points to', async (t) => {
    const { ensure, check, path, changes, roundTrips, leftovers } = await bench(t)
    mkdirSync(path('one'))
    mkdirSync(path('two'))
    assert.deepEqual(await check.link({ path: path('l'), target: 'one' }), { changed: true })
    for (const target of ['one', path('two'), 'nowhere', ...ODD_NAMES]) {
      roundTrips()
      assert.deepEqual(await ensure.link({ path: path('l'), target }), { changed: true }, target)
      assert.equal(roundTrips(), 2)
      assert.deepEqual(await ensure.link({ path: path('l'), target }), { changed: false }, target)
      assert.equal(readlinkSync(path('l')), target)
    }
    assert.deepEqual(changes()[2], { summary: `link ${path('l')} to ${path('two')}`, applied: true, before: 'one\n', after: `${path('two')}\n` })
    assert.deepEqual(await ensure.link({ path: path('l'), state: 'absent' }), { changed: true })
    assert.deepEqual(await ensure.link({ path: path('l'), state: 'absent' }), { changed: false })
    assert.deepEqual(leftovers(), [])
  })

  it('replaces a file only by force, and a directory never', async (t) => {
    const { ensure, path } = await bench(t)
    writeFileSync(path('f'), '')
    mkdirSync(path('d'))
    assert.equal((await failureOf(ensure.link({ path: path('f'), target: 'x' }))).code, 'file-type')
    assert.equal((await failureOf(ensure.link({ path: path('d'), target: 'x', force: true }))).code, 'file-type')
    assert.deepEqual(await ensure.link({ path: path('f'), target: 'x', force: true }), { changed: true })
    assert.equal(lstatSync(path('f')).isSymbolicLink(), true)
  })
})
