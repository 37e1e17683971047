/** The directory for unfinished downloads, where others can write too and know its name; and what remains of farm on a host. */
import assert from 'node:assert/strict'
import { chownSync, existsSync, lchownSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { posixQuote } from '../../../src/host/index.ts'
import { checkImageSource, ensureImage, purgeImages, removeWorkingFiles } from '../../../src/image/index.ts'
import { code, partOf, publish, qcow2, quiet, rig } from './rig.ts'

/** A user who is not the one that runs the tests, and has no name. */
const STRANGER = 54321

test('a working directory that farm makes is closed to others and marked as its own', async (t) => {
  const r = await rig(t)
  const spec = { ...publish(r, qcow2(r.dir)), workingDir: join(r.workingDir, 'deep', 'down') }
  await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.equal(statSync(spec.workingDir).mode & 0o777, 0o700)
  assert.equal(statSync(r.workingDir).mode & 0o777, 0o755)
  assert.deepEqual(readdirSync(spec.workingDir), ['.farm'])
})

test('a working directory of somebody else is refused before anything is changed', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  const places = ['foreign', 'link', 'file', 'dangling'].map((name) => join(r.dir, name))
  const [foreign = '', link = '', file = '', dangling = ''] = places
  mkdirSync(foreign)
  chownSync(foreign, STRANGER, STRANGER)
  symlinkSync(r.dir, link)
  // The directory is ours, but a stranger says which one it is.
  lchownSync(link, STRANGER, STRANGER)
  writeFileSync(file, '')
  symlinkSync('/nowhere', dangling)
  for (const workingDir of places) {
    await assert.rejects(checkImageSource(r.host, { ...spec, workingDir }), code('working-dir'), workingDir)
    await assert.rejects(ensureImage(r.host, { ...spec, workingDir }, { cacheDir: r.cacheDir, ...quiet }), { code: 'working-dir', hint: /vm_working_dir/ })
  }
  assert.deepEqual(r.changes, [])
  assert.deepEqual([readdirSync(foreign), existsSync(r.cacheDir), r.requests.includes('GET /disk.qcow2')], [[], false, false])
})

test('what somebody else put in the place of the partial file is not built upon', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  const precious = join(r.dir, 'precious')
  const part = partOf(r, spec)
  mkdirSync(r.workingDir)
  writeFileSync(precious, 'as it was')
  const traps = {
    'soft link': () => symlinkSync(precious, part),
    'hard link': () => linkSync(precious, part),
    'foreign file': () => (writeFileSync(part, body.subarray(0, 500_000)), chownSync(part, STRANGER, STRANGER)),
    directory: () => mkdirSync(part),
  }
  for (const [trap, set] of Object.entries(traps)) {
    set()
    const before = r.requests.length
    const image = await ensureImage(r.host, { ...spec, cmdline: trap }, { cacheDir: r.cacheDir, ...quiet })
    assert.deepEqual(readFileSync(image.disk), body, trap)
    assert.equal(statSync(image.disk).uid, process.getuid?.(), trap)
    assert.deepEqual(r.requests.slice(before).filter((line) => line.startsWith('GET /disk')), ['GET /disk.qcow2'], trap)
    assert.equal(readFileSync(precious, 'utf8'), 'as it was', trap)
  }
})

test('an image belongs to whoever runs farm, also when its partial file was of another group', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  mkdirSync(r.workingDir)
  writeFileSync(partOf(r, spec), body.subarray(0, 500_000))
  chownSync(partOf(r, spec), process.getuid?.() ?? 0, STRANGER)
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.ok(r.requests.includes('GET /disk.qcow2 bytes=500000-'), 'it was resumed')
  assert.deepEqual([statSync(image.disk).uid, statSync(image.disk).gid], [process.getuid?.(), process.getgid?.()])
})

test('images of the same name from different places do not share a partial file', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  assert.match(partOf(r, spec), /\/farm-disk\.qcow2-[0-9a-f]{12}\.part$/)
  assert.equal(partOf(r, { ...spec, seed: 'farm' }), partOf(r, spec))
  assert.notEqual(partOf(r, { ...spec, url: 'http://elsewhere.test/disk.qcow2' }), partOf(r, spec))
})

test('an image whose address does not end in its name is looked up by the name that is given', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body, 'x.qcow2')
  r.files.set('/42/download', { body })
  await assert.rejects(checkImageSource(r.host, { ...spec, url: `${r.url}/42/download` }), code('checksum-missing'))
  const image = await ensureImage(r.host, { ...spec, url: `${r.url}/42/download`, name: 'x.qcow2' }, { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual(readFileSync(image.disk), body)
  assert.match(image.key, /^x-[0-9a-f]{12}$/)
})

test('of a working directory only what farm put there is removed', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  const mine = ['disk.qcow2.part', 'farm-notes.txt', 'farm-.part.old']
  for (const name of [...mine, partOf(r, spec).replace(/^.*\//, '')]) writeFileSync(join(r.workingDir, name), 'x')
  await removeWorkingFiles(r.host, r.workingDir)
  assert.deepEqual(readdirSync(r.workingDir).sort(), ['.farm', ...mine].sort())

  const own = join(r.dir, 'own')
  mkdirSync(own)
  await removeWorkingFiles(r.host, own)
  assert.deepEqual(readdirSync(own), [])
  await removeWorkingFiles(r.host, join(r.dir, 'nowhere'))

  await ensureImage(r.host, { ...spec, workingDir: join(r.dir, 'made'), seed: 'farm' }, { cacheDir: r.cacheDir, ...quiet })
  await removeWorkingFiles(r.host, join(r.dir, 'made'))
  assert.equal(existsSync(join(r.dir, 'made')), false)
})

test('nothing of farm remains in the cache after purging, and nothing else goes', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  const { key } = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  const stage = join(r.cacheDir, `.${key}.new`)
  const logs = [`${key}.log`, 'bookworm-amd64-0123456789ab.log']
  const mine = ['.other-123.new', 'messages.log', `.${key}.log`, `${key}.log.1`, 'mine']
  const leave = (): void => {
    mkdirSync(stage)
    // Killed just before it would have been renamed.
    for (const name of ['image.json', 'disk.qcow2']) writeFileSync(join(stage, name), '')
    for (const name of logs) writeFileSync(join(r.cacheDir, name), '')
  }
  for (const name of mine) name.endsWith('.new') || name === 'mine' ? mkdirSync(join(r.cacheDir, name)) : writeFileSync(join(r.cacheDir, name), '')
  leave()
  assert.deepEqual(await purgeImages(r.host, r.cacheDir, new Set([key])), [])
  assert.deepEqual(readdirSync(r.cacheDir).sort(), [key, ...mine].sort())
  assert.deepEqual(await purgeImages(r.host, r.cacheDir, new Set()), [key])
  assert.deepEqual(readdirSync(r.cacheDir).sort(), mine.sort())

  const own = join(r.dir, 'cache-2')
  await ensureImage(r.host, spec, { cacheDir: own, ...quiet })
  assert.deepEqual(await purgeImages(r.host, own, new Set()), [key])
  assert.equal(existsSync(own), false)
})

test('images come and go with a rm that knows only what POSIX says', async (t) => {
  const r = await rig(t)
  // As BusyBox says it.
  const posix = r.bind({ wrap: (command) => `rm() { case " $* " in *" --"[a-z]*) echo "rm: unrecognized option: $*" >&2; return 1 ;; esac; command rm "$@"; }\n${command}` })
  const image = await ensureImage(posix, publish(r, qcow2(r.dir)), { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual(await purgeImages(posix, r.cacheDir, new Set()), [image.key])
  assert.equal(existsSync(r.cacheDir), false)
})

test('what is mounted in the remains of a killed build is not emptied with them', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  const cacheDir = join(r.dir, 'my cache')
  const { key } = await ensureImage(r.bind({ check: true }), spec, { cacheDir, ...quiet })
  const [precious, place] = [join(r.dir, 'precious'), join(cacheDir, `.${key}.new`, 'root', 'dev')]
  for (const dir of [precious, place]) mkdirSync(dir, { recursive: true })
  writeFileSync(join(precious, 'file'), 'as it was')
  // The mount is seen by these commands alone.
  const mounted = r.bind({ wrap: (command) => `exec unshare -m --propagation private /bin/sh -c ${posixQuote(`mount --bind ${posixQuote(precious)} ${posixQuote(place)} || exit\n${command}`)}` })
  await assert.rejects(ensureImage(mounted, spec, { cacheDir, ...quiet }), code('image-mounted'))
  await assert.rejects(purgeImages(mounted, cacheDir, new Set()), code('image-mounted'))
  assert.equal(readFileSync(join(precious, 'file'), 'utf8'), 'as it was')
  assert.ok((await ensureImage(r.host, spec, { cacheDir, ...quiet })).virtualSize > 0)
})
