/** Downloads from a server that does what servers do; with curl and with wget. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FarmError } from '../../../src/errors.ts'
import { checkImageSource, ensureImage, inspectImage, type DownloadSpec } from '../../../src/image/index.ts'
import { code, partOf, publish, qcow2, quiet, rig, sha512, type Rig } from './rig.ts'

/** Nothing but finished images may be in the cache. */
const cached = (cacheDir: string): string[] => (existsSync(cacheDir) ? readdirSync(cacheDir) : [])

test('an image is downloaded, verified and kept; the second time takes one query and no network', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  assert.deepEqual(await checkImageSource(r.host, spec), { size: body.length })
  assert.deepEqual(r.changes, [])
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual(readFileSync(image.disk), body)
  assert.equal(statSync(image.disk).mode & 0o777, 0o444)
  assert.deepEqual([image.boot, image.seed, image.virtualSize], ['disk', 'cloud-init', 1 << 20])
  assert.equal(r.changes.length, 1)
  assert.deepEqual(readdirSync(r.workingDir), ['.farm'])

  const before = r.requests.length
  let commands = 0
  const counting = r.bind({ wrap: (command) => (commands++, command) })
  assert.deepEqual(await ensureImage(counting, spec, { cacheDir: r.cacheDir, ...quiet }), image)
  assert.deepEqual([commands, r.requests.length - before, r.changes.length], [1, 0, 1])
})

test('check mode reports the download and changes nothing', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  const image = await ensureImage(r.bind({ check: true }), spec, { cacheDir: r.cacheDir, ...quiet })
  assert.match(image.disk, /disk\.qcow2$/)
  assert.equal(r.changes.length, 1)
  assert.equal(existsSync(r.cacheDir) || existsSync(r.workingDir), false)
})

for (const tool of ['curl', 'wget'] as const) {
  const only = (r: Rig): Rig['host'] => {
    // A PATH in which the other one cannot be found.
    const bin = join(r.dir, 'bin')
    mkdirSync(bin)
    for (const dir of ['/usr/sbin', '/usr/bin', '/sbin', '/bin']) for (const name of readdirSync(dir)) if (name !== (tool === 'curl' ? 'wget' : 'curl') && !existsSync(join(bin, name))) try { symlinkSync(join(dir, name), join(bin, name)) } catch { /* a dangling link is there */ }
    return r.bind({ wrap: (command) => `PATH=${bin}; export PATH\n${command}` })
  }

  test(`${tool}: a broken transfer goes on from where it broke, as often as bytes advance`, async (t) => {
    const r = await rig(t)
    const body = qcow2(r.dir)
    const spec = publish(r, body)
    r.files.set('/disk.qcow2', { body, truncate: [300_000, 300_000, 300_000] })
    const image = await ensureImage(only(r), spec, { cacheDir: r.cacheDir, ...quiet })
    assert.deepEqual(readFileSync(image.disk), body)
    const ranges = r.requests.filter((line) => line.startsWith('GET /disk.qcow2 bytes='))
    assert.equal(ranges.length, 3)
    assert.doesNotMatch(ranges.join(), /bytes=0-/)
  })

  test(`${tool}: a server without ranges gets a whole new request`, async (t) => {
    const r = await rig(t)
    const body = qcow2(r.dir)
    const spec = publish(r, body)
    r.files.set('/disk.qcow2', { body, ranges: false, truncate: [300_000] })
    const image = await ensureImage(only(r), spec, { cacheDir: r.cacheDir, ...quiet })
    assert.deepEqual(readFileSync(image.disk), body)
  })

  test(`${tool}: an image that is not there is an error before and during the download`, async (t) => {
    const r = await rig(t)
    const spec = publish(r, qcow2(r.dir))
    r.files.delete('/disk.qcow2')
    const host = only(r)
    await assert.rejects(checkImageSource(host, spec), code('image-missing'))
    await assert.rejects(ensureImage(host, spec, { cacheDir: r.cacheDir, ...quiet }), code('image-missing'))
    assert.deepEqual(cached(r.cacheDir), [])
    assert.deepEqual(readdirSync(r.workingDir), ['.farm'])
    r.files.delete('/SUMS')
    await assert.rejects(checkImageSource(host, spec), code('image-missing'))
  })

  test(`${tool}: a partial download of other content is thrown away and fetched anew`, async (t) => {
    const r = await rig(t)
    const body = qcow2(r.dir)
    const spec = publish(r, body)
    mkdirSync(r.workingDir)
    writeFileSync(partOf(r, spec), randomBytes(500_000))
    const image = await ensureImage(only(r), spec, { cacheDir: r.cacheDir, ...quiet })
    assert.deepEqual(readFileSync(image.disk), body)
  })
}

test('a partial download that is longer than the image is thrown away', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  mkdirSync(r.workingDir)
  writeFileSync(partOf(r, spec), randomBytes(body.length + 1000))
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual(readFileSync(image.disk), body)
})

test('a transfer that stops advancing fails, keeps its bytes, and the next run uses them', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  r.files.set('/disk.qcow2', { body, truncate: [700_000, 0, 0, 600_000, 0, 0] })
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), code('download-failed'))
  assert.deepEqual(cached(r.cacheDir), [])
  assert.ok(statSync(partOf(r, spec)).size > 0)
  r.files.set('/disk.qcow2', { body })
  const before = r.requests.length
  assert.deepEqual(readFileSync((await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })).disk), body)
  assert.match(r.requests.slice(before).join('\n'), /GET \/disk\.qcow2 bytes=[1-9]/)
})

test('a wrong checksum is an error that says what was expected, and leaves nothing', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  r.files.set('/SUMS', { body: Buffer.from(`${'0'.repeat(128)}  disk.qcow2\n`) })
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), (error: FarmError) => {
    assert.equal(error.code, 'checksum-mismatch')
    assert.match(error.message, new RegExp(`expected sha512 0{128}, got ${sha512(body)}`))
    return true
  })
  assert.deepEqual(cached(r.cacheDir), [])
  assert.deepEqual(readdirSync(r.workingDir), ['.farm'])
})

test('an image without a checksum is refused unless that is asked for', async (t) => {
  const r = await rig(t)
  const { checksumUrl: _, ...spec } = publish(r, qcow2(r.dir))
  await assert.rejects(checkImageSource(r.host, spec), code('checksum-missing'))
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), code('checksum-missing'))
  assert.deepEqual(r.changes, [])
  await ensureImage(r.host, { ...spec, checksum: 'none' }, { cacheDir: r.cacheDir, ...quiet })
})

test('kernel and initial RAM disk are verified by the same checksum file', async (t) => {
  const r = await rig(t)
  const disk = qcow2(r.dir)
  const spec: DownloadSpec = { ...publish(r, disk), kernelUrl: `${r.url}/vmlinuz`, initrdUrl: `${r.url}/initrd.img`, seed: 'farm' }
  const [kernel, initrd] = [randomBytes(5000), randomBytes(6000)]
  r.files.set('/vmlinuz', { body: kernel })
  r.files.set('/initrd.img', { body: initrd })
  const sums = (other: Buffer): Buffer => Buffer.from([['disk.qcow2', disk], ['vmlinuz', kernel], ['initrd.img', other]].map(([name, body]) => `SHA512 (${String(name)}) = ${sha512(body as Buffer)}\n`).join(''))
  r.files.set('/SUMS', { body: sums(randomBytes(1)) })
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet }), code('checksum-mismatch'))
  assert.deepEqual(cached(r.cacheDir), [])
  r.files.set('/SUMS', { body: sums(initrd) })
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual([readFileSync(image.kernel ?? ''), readFileSync(image.initrd ?? '')], [kernel, initrd])
  assert.equal(image.boot, 'kernel')
  assert.match(image.cmdline ?? '', /root=\/dev\/vda/)
})

test('a file on the hypervisor is an image too, and a raw one becomes qcow2', async (t) => {
  const r = await rig(t)
  const raw = join(r.dir, 'my disk.img')
  writeFileSync(raw, Buffer.concat([Buffer.from('\xeb\x63', 'latin1'), randomBytes((1 << 20) - 2)]))
  const checksum = `sha512:${sha512(readFileSync(raw))}`
  for (const url of [raw, `file://${raw.replace(' ', '%20')}`]) {
    const image = await ensureImage(r.host, { kind: 'download', url, checksum, workingDir: r.workingDir }, { cacheDir: r.cacheDir, ...quiet })
    assert.equal(readFileSync(image.disk).toString('latin1', 0, 4), 'QFI\xfb')
    assert.equal(image.virtualSize, 1 << 20)
  }
  await assert.rejects(checkImageSource(r.host, { kind: 'download', url: '/nowhere/disk.qcow2', checksum, workingDir: r.workingDir }), code('image-missing'))
})

test('an image that would read other files of the hypervisor is refused', async (t) => {
  const r = await rig(t)
  const make = (name: string, ...options: string[]): Buffer => {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, join(r.dir, name), '1M'])
    return readFileSync(join(r.dir, name))
  }
  for (const body of [make('backed', '-b', '/etc/passwd', '-F', 'raw'), make('split', '-o', `data_file=${join(r.dir, 'data')},data_file_raw=on`)]) {
    await assert.rejects(ensureImage(r.host, publish(r, body), { cacheDir: r.cacheDir, ...quiet }), code('image-backing'))
    assert.deepEqual(cached(r.cacheDir), [])
  }
})

test('a run that was killed leaves no image, and the next one succeeds', async (t) => {
  const r = await rig(t)
  const body = qcow2(r.dir)
  const spec = publish(r, body)
  // What kill -9 leaves: a filled directory that was never renamed.
  const wanted = (await ensureImage(r.bind({ check: true }), spec, { cacheDir: r.cacheDir, ...quiet })).key
  const stage = join(r.cacheDir, `.${wanted}.new`)
  mkdirSync(stage, { recursive: true })
  writeFileSync(join(stage, 'disk.qcow2'), 'half')
  assert.equal(await inspectImage(r.host, spec, r.cacheDir), undefined)
  const image = await ensureImage(r.host, spec, { cacheDir: r.cacheDir, ...quiet })
  assert.deepEqual(readFileSync(image.disk), body)
  assert.deepEqual(cached(r.cacheDir), [wanted])
})

test('several runs that want the same image at once fetch it once', async (t) => {
  const r = await rig(t)
  const spec = publish(r, qcow2(r.dir))
  const images = await Promise.all([1, 2, 3].map(() => ensureImage(r.bind({}), spec, { cacheDir: r.cacheDir, ...quiet })))
  assert.equal(new Set(images.map((image) => image.disk)).size, 1)
  assert.equal(r.requests.filter((line) => line === 'GET /disk.qcow2').length, 1)
  assert.deepEqual(cached(r.cacheDir), [images[0]?.key])
})
