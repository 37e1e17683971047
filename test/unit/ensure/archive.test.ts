import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { failureOf } from '../host/rig.ts'
import { bench } from './bench.ts'

/** Makes archives of the same tree in a directory. */
function pack(dir: string): void {
  mkdirSync(join(dir, 'app-1', 'bin'), { recursive: true })
  writeFileSync(join(dir, 'app-1', 'bin', 'run me'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(dir, 'app-1', 'README'), 'one\n')
  for (const [name, flag] of [['a.tar', ''], ['a.tar.gz', '-z'], ['a.tar.xz', '-J'], ['a.tar.zst', '--zstd'], ['a.tgz', '-z']] as const) execFileSync('tar', [...(flag === '' ? [] : [flag]), '-cf', name, 'app-1'], { cwd: dir })
}

describe('ensure.archive', { timeout: 60_000 }, () => {
  for (const name of ['a.tar', 'a.tar.gz', 'a.tar.xz', 'a.tar.zst', 'a.tgz']) {
    it(`unpacks ${name} once, from the controller or from the host`, async (t) => {
      const { ensure, check, path, project, roundTrips, leftovers } = await bench(t)
      pack(project)
      const wanted = { src: name, dest: path('opt', 'app'), strip: 1, owner: 'nobody', mode: '0750' }
      assert.deepEqual(await check.archive(wanted), { changed: true })
      assert.equal(existsSync(path('opt')), false)
      roundTrips()
      assert.deepEqual(await ensure.archive(wanted), { changed: true })
      assert.equal(roundTrips(), 2)
      assert.deepEqual(await ensure.archive(wanted), { changed: false })
      assert.deepEqual(readdirSync(path('opt', 'app')).sort(), [`.farm-unpacked-${name}`, 'README', 'bin'])
      assert.deepEqual([statSync(path('opt', 'app', 'bin', 'run me')).mode & 0o777, statSync(path('opt', 'app', 'README')).uid, statSync(path('opt', 'app')).mode & 0o777], [0o755, 65534, 0o750])
      const remote = { src: join(project, name), dest: path('remote'), remote: true }
      assert.deepEqual(await ensure.archive(remote), { changed: true })
      assert.deepEqual(await ensure.archive(remote), { changed: false })
      assert.equal(existsSync(path('remote', 'app-1', 'bin', 'run me')), true)
      assert.deepEqual(leftovers(), [])
    })
  }

  it('unpacks again when the archive is another, over what is there, and leaves the rest', async (t) => {
    const { ensure, path, project } = await bench(t)
    pack(project)
    const wanted = { src: 'a.tar.gz', dest: path('d') }
    await ensure.archive(wanted)
    writeFileSync(path('d', 'app-1', 'mine'), '')
    writeFileSync(join(project, 'app-1', 'README'), 'two\n')
    execFileSync('tar', ['-czf', 'a.tar.gz', 'app-1'], { cwd: project })
    assert.deepEqual(await ensure.archive(wanted), { changed: true })
    assert.deepEqual([readFileSync(path('d', 'app-1', 'README'), 'utf8'), existsSync(path('d', 'app-1', 'mine'))], ['two\n', true])
    assert.deepEqual(await ensure.archive({ ...wanted, creates: 'app-1/README' }), { changed: false })
  })

  it('keeps mode and owner of the directory as they shall be when there is nothing to unpack', async (t) => {
    const { ensure, check, changes, path, project, roundTrips } = await bench(t)
    pack(project)
    const wanted = { src: 'a.tar', dest: path('d'), owner: 'nobody', mode: '0750' }
    await ensure.archive(wanted)
    chmodSync(path('d'), 0o700)
    chownSync(path('d'), 0, 0)
    changes()
    assert.deepEqual(await check.archive(wanted), { changed: true })
    assert.equal(statSync(path('d')).mode & 0o777, 0o700)
    roundTrips()
    assert.deepEqual(await ensure.archive({ ...wanted, creates: 'app-1' }), { changed: true })
    assert.equal(roundTrips(), 2)
    assert.deepEqual(changes().at(-1), { summary: `set the mode of ${path('d')} to 0750 and the owner to nobody`, applied: true, before: 'mode: 0700\nowner: root\n', after: 'mode: 0750\nowner: nobody\n' })
    assert.deepEqual([statSync(path('d')).mode & 0o777, statSync(path('d')).uid], [0o750, 65534])
    assert.deepEqual(await ensure.archive(wanted), { changed: false })
    assert.deepEqual(await ensure.archive({ ...wanted, owner: 'daemon' }), { changed: true })
    assert.equal(statSync(path('d', 'app-1', 'README')).uid, 1, 'another owner is one for all that is unpacked')
  })

  it('leaves nothing behind when the archive is damaged, and says what is wrong', async (t) => {
    const { ensure, path, project, leftovers } = await bench(t)
    pack(project)
    writeFileSync(join(project, 'bad.tar.gz'), readFileSync(join(project, 'a.tar.gz')).subarray(0, 100))
    assert.equal((await failureOf(ensure.archive({ src: 'bad.tar.gz', dest: path('d') }))).code, 'transfer-failed')
    assert.deepEqual([existsSync(path('d')), leftovers()], [false, []])
    assert.equal((await failureOf(ensure.archive({ src: 'a.rar', dest: path('d') }))).code, 'archive-format')
    assert.equal((await failureOf(ensure.archive({ src: '/no.tar', dest: path('d'), remote: true }))).code, 'file-missing')
  })
})
