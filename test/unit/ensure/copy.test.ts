import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, openSync, closeSync, ftruncateSync, writeSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Connection } from '../../../src/host/index.ts'
import { failureOf, Rig } from '../host/rig.ts'
import { bench, ODD_NAMES } from './bench.ts'

const BIG = 96 << 20
const sum = (path: string): string => execFileSync('sha256sum', [path]).toString().slice(0, 64)
const bits = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8)

/** A file with holes, of which some bytes are random. */
function sparse(path: string, size: number): void {
  const file = openSync(path, 'w')
  for (let at = 0; at < size; at += size / 8) writeSync(file, randomBytes(4096), 0, 4096, at)
  ftruncateSync(file, size)
  closeSync(file)
}

/** The most memory that is used while something goes on, beyond what was used before: MiB. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const start = process.memoryUsage.rss()
  let most = start
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return (most - start) / 2 ** 20
}

/** A tree with all that a tree can have. */
function makeTree(root: string): void {
  mkdirSync(join(root, 'sub', 'empty'), { recursive: true })
  for (const name of ODD_NAMES) writeFileSync(join(root, name), `content of ${name}`)
  writeFileSync(join(root, 'sub', 'run'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(root, 'sub', 'secret'), 'x', { mode: 0o600 })
  symlinkSync('sub/run', join(root, 'link'))
  writeFileSync(join(root, 'large'), randomBytes(2 << 20))
}

const listing = (root: string): string[] =>
  (readdirSync(root, { recursive: true }) as string[]).sort().map((name) => {
    const path = join(root, name)
    const stats = lstatSync(path)
    return `${name} ${stats.isSymbolicLink() ? readlinkSync(path) : stats.isDirectory() ? 'dir' : `${bits(path)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`}`
  })

describe('copying', { timeout: 120_000 }, () => {
  let rig: Rig
  let root: Connection
  let user: Connection
  const files: string[] = []
  before(async () => {
    rig = new Rig()
    const name = rig.user()
    writeFileSync(`/etc/sudoers.d/${name}`, `${name} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 })
    files.push(`/etc/sudoers.d/${name}`)
    root = await rig.connect((await rig.sshd()).spec)
    user = await rig.connect((await rig.sshd([], name)).spec)
  })
  after(async () => {
    for (const file of files) rmSync(file, { force: true })
    await rig.close()
  })

  const ways: readonly [string, (t: TestContext) => ReturnType<typeof bench>][] = [
    ['on this machine', (t) => bench(t)],
    ['over ssh', (t) => bench(t, { connection: root })],
    ['over ssh by sudo', async (t) => {
      const made = await bench(t, { connection: user, become: { method: 'sudo', user: 'root' } })
      // Whether the login user is root is asked once.
      await made.host.query`:`
      return made
    }],
  ]
  for (const [where, make] of ways) {
    it(`sends a tree and fetches it back, names and modes included, ${where}`, async (t) => {
      const { ensure, check, path, project, changes, roundTrips, leftovers } = await make(t)
      makeTree(join(project, 'www'))
      roundTrips()
      const up = { src: 'www', dest: path() }
      assert.deepEqual(await check.copy(up), { changed: true })
      assert.equal(existsSync(path('www')), false)
      assert.equal(roundTrips(), 1)
      assert.deepEqual(await ensure.copy(up), { changed: true })
      assert.equal(roundTrips(), 2)
      assert.deepEqual(listing(path('www')), listing(join(project, 'www')))
      assert.deepEqual(await ensure.copy(up), { changed: false })
      assert.equal(roundTrips(), 1)
      assert.match(changes()[1]?.summary ?? '', new RegExp(`^copy ${ODD_NAMES.length + 3} of ${ODD_NAMES.length + 3} files \\(2\\.0 MiB\\) to `))

      const down = { src: path('www'), dest: 'back/' }
      assert.deepEqual(await check.fetch(down), { changed: true })
      assert.equal(existsSync(join(project, 'back')), false)
      roundTrips()
      assert.deepEqual(await ensure.fetch(down), { changed: true })
      assert.equal(roundTrips(), 2)
      assert.deepEqual(listing(join(project, 'back', 'www')), listing(join(project, 'www')))
      assert.deepEqual(await ensure.fetch(down), { changed: false })
      assert.deepEqual(leftovers(), [])
    })

    if (where !== 'over ssh by sudo') it(`streams large files up and down in bounded memory, ${where}`, async (t) => {
      const { ensure, path, project, leftovers, changes } = await make(t)
      sparse(join(project, 'big'), BIG)
      assert.ok((await growth(() => ensure.copy({ src: 'big', dest: path('there'), mode: '0640' }))) < 80)
      assert.equal(sum(path('there')), sum(join(project, 'big')))
      assert.equal(bits(path('there')), '640')
      assert.ok((await growth(() => ensure.fetch({ src: path('there'), dest: 'back' }))) < 80)
      assert.equal(sum(join(project, 'back')), sum(join(project, 'big')))
      assert.equal(bits(join(project, 'back')), '640')
      changes()
      assert.deepEqual(await ensure.copy({ src: 'big', dest: path('there'), mode: '0640' }), { changed: false })
      assert.deepEqual(await ensure.fetch({ src: path('there'), dest: 'back' }), { changed: false })
      assert.deepEqual([changes(), leftovers()], [[], []])
    })
  }

  it('sends only what differs, keeps owners, and removes what is not in the source when asked to', async (t) => {
    const { ensure, path, project, changes } = await bench(t)
    makeTree(join(project, 'www'))
    const up = { src: 'www/', dest: path('www') }
    await ensure.copy(up)
    changes()
    writeFileSync(path('www', 'sub', 'secret'), 'y')
    chownSync(path('www', 'sub', 'secret'), 12345, 12345)
    chmodSync(path('www', 'sub', 'run'), 0o700)
    mkdirSync(path('www', 'foreign'))
    writeFileSync(path('www', 'foreign', 'x'), '')
    assert.deepEqual(await ensure.copy(up), { changed: true })
    const [change] = changes()
    assert.equal(change?.summary, `copy 1 of ${ODD_NAMES.length + 3} files (1 bytes) to ${path('www')} and set 1 directory, link or attribute in ${path('www')}`)
    assert.equal(statSync(path('www', 'sub', 'secret')).uid, 12345)
    assert.equal(existsSync(path('www', 'foreign', 'x')), true)
    assert.deepEqual(await ensure.copy({ ...up, delete: true }), { changed: true })
    assert.equal(changes()[0]?.summary, `remove 1 entry from ${path('www')}`)
    assert.equal(existsSync(path('www', 'foreign')), false)
    assert.deepEqual(await ensure.copy({ ...up, delete: true }), { changed: false })
    assert.deepEqual(await ensure.copy({ ...up, owner: 'nobody', directoryMode: '0750' }), { changed: true })
    assert.deepEqual(await ensure.copy({ ...up, owner: 'nobody', directoryMode: '0750' }), { changed: false })
    assert.equal(bits(path('www', 'sub')), '750')
    assert.equal(statSync(path('www', 'link')).uid, 65534)
  })

  it('shows a text that it copies as a difference, and follows a link at the destination', async (t) => {
    const { ensure, path, project, changes } = await bench(t)
    writeFileSync(join(project, 'conf'), 'new\n', { mode: 0o755 })
    writeFileSync(path('real'), 'old\n')
    symlinkSync('real', path('conf'))
    assert.deepEqual(await ensure.copy({ src: 'conf', dest: `${path()}/` }), { changed: true })
    assert.deepEqual([changes()[0]?.before, readFileSync(path('real'), 'utf8'), readlinkSync(path('conf')), bits(path('real'))], ['old\n', 'new\n', 'real', '755'])
  })

  it('does not replace a directory by a file, nor the other way round', async (t) => {
    const { ensure, path, project } = await bench(t)
    makeTree(join(project, 'www'))
    mkdirSync(path('www', 'large'), { recursive: true })
    assert.equal((await failureOf(ensure.copy({ src: 'www/', dest: path('www') }))).message, `${path('www')}/large is a directory`)
    rmSync(path('www'), { recursive: true })
    writeFileSync(path('www'), '')
    assert.match((await failureOf(ensure.copy({ src: 'www/', dest: path('www') }))).message, /not a directory/)
    assert.equal((await failureOf(ensure.copy({ src: 'nothing', dest: path('www') }))).exitCode, 65)
  })

  for (const [direction, remote] of [['up', false], ['down', false], ['up', true], ['down', true]] as const) {
    it(`leaves nothing behind when it is interrupted on the way ${direction}${remote ? ' over ssh' : ''}`, async (t) => {
      const interrupt = new AbortController()
      const { ensure, path, project, dir, leftovers } = await bench(t, { ...(remote && { connection: root }), signal: interrupt.signal })
      const source = direction === 'up' ? join(project, 'big') : path('big')
      sparse(source, BIG)
      const target = direction === 'up' ? path('new', 'big') : join(project, 'new', 'big')
      mkdirSync(join(target, '..'))
      const work = failureOf(direction === 'up' ? ensure.copy({ src: 'big', dest: target }) : ensure.fetch({ src: source, dest: target }))
      // As soon as there is something that could be left behind.
      const deadline = Date.now() + 20_000
      while (leftovers().length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2))
      assert.equal(leftovers().length > 0, true)
      interrupt.abort()
      assert.equal((await work).exitCode, 130)
      assert.deepEqual([leftovers(), existsSync(target)], [[], false], dir)
    })
  }

  it('fails, and leaves nothing behind, when a file changes while it is sent', async (t) => {
    const { ensure, path, project, leftovers } = await bench(t)
    sparse(join(project, 'big'), 64 << 20)
    const work = failureOf(ensure.copy({ src: 'big', dest: path('there') }))
    const deadline = Date.now() + 20_000
    while (leftovers().length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2))
    writeFileSync(join(project, 'big'), 'short')
    assert.equal((await work).code, 'transfer-changed')
    assert.deepEqual([leftovers(), existsSync(path('there'))], [[], false])
  })

  it('never writes outside the destination on the controller', async (t) => {
    const { ensure, path, project } = await bench(t)
    mkdirSync(path('www', 'sub'), { recursive: true })
    writeFileSync(path('www', 'sub', 'x'), 'theirs')
    mkdirSync(path('outside'))
    mkdirSync(join(project, 'back'))
    symlinkSync(path('outside'), join(project, 'back', 'sub'))
    assert.match((await failureOf(ensure.fetch({ src: `${path('www')}/`, dest: 'back' }))).message, /nothing is written through it/)
    assert.deepEqual(readdirSync(path('outside')), [])
    for (const target of ['../../outside', '/etc/passwd']) {
      rmSync(path('www', 'bad'), { force: true })
      symlinkSync(target, path('www', 'bad'))
      assert.equal((await failureOf(ensure.fetch({ src: `${path('www')}/`, dest: 'other' }))).code, 'fetch-link')
      assert.equal(existsSync(join(project, 'other')), false)
    }
    assert.deepEqual(await ensure.fetch({ src: `${path('www')}/`, dest: 'other', links: 'skip' }), { changed: true })
    assert.deepEqual(readdirSync(join(project, 'other')), ['sub'])
  })

  it('does not believe a host that names paths outside', async (t) => {
    const { ensure, path, project } = await bench(t, { wrap: (command) => (command.includes('find .') ? "printf '2\\n.\\000./../evil\\000of\\n41ed 0 0 0 root:root\\n81a4 0 0 1 root:root\\n%s  ./../evil\\n' 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" : command) })
    mkdirSync(path('www'))
    assert.equal((await failureOf(ensure.fetch({ src: path('www'), dest: 'back' }))).code, 'fetch-path')
    assert.deepEqual(readdirSync(project), ['templates'])
  })

  it('says that there is nothing to fetch', async (t) => {
    const { ensure, path } = await bench(t)
    assert.equal((await failureOf(ensure.fetch({ src: path('no'), dest: 'x' }))).code, 'file-missing')
  })
})
