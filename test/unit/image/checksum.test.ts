import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findChecksum, parseChecksum } from '../../../src/image/checksum.ts'
import { imageFormat } from '../../../src/image/format.ts'
import { fileName, localPath } from '../../../src/image/location.ts'
import { imageKey, plannedImage, type ImageSpec } from '../../../src/image/index.ts'

const s256 = 'a'.repeat(64)
const s512 = 'B'.repeat(128)

test('checksum files are read in each format in which people publish them', () => {
  const formats: [string, string][] = [
    [`${s256}  disk.qcow2\n`, 'sha256'],
    [`${s256} *disk.qcow2\r\n`, 'sha256'],
    [`${s512}  ./disk.qcow2`, 'sha512'],
    [`SHA512 (disk.qcow2) = ${s512}\n`, 'sha512'],
    [`# a comment\n-----BEGIN PGP SIGNED MESSAGE-----\n\nSHA256 (other.qcow2) = ${'c'.repeat(64)}\nSHA256 (disk.qcow2) = ${s256}\n`, 'sha256'],
    [`${s256}  disk.qcow2\n${s512}  disk.qcow2\n`, 'sha512'],
    [`${s256}\n`, 'sha256'],
  ]
  for (const [text, algorithm] of formats) {
    const found = findChecksum(text, 'disk.qcow2', 'SUMS')
    assert.equal(found.algorithm, algorithm, text)
    assert.equal(found.digest, algorithm === 'sha256' ? s256 : s512.toLowerCase())
  }
})

test('a name that is not listed is an error that names the file and what it lists', () => {
  assert.throws(() => findChecksum(`${s256}  other.qcow2\n`, 'disk.qcow2', 'http://x/SUMS'), { code: 'checksum-missing', message: 'http://x/SUMS does not list disk.qcow2: it lists other.qcow2' })
  // Ansible's pattern would have taken the first for the second.
  assert.throws(() => findChecksum(`${s256}  disk.qcow2.old\n`, 'disk.qcow2', 'SUMS'), { code: 'checksum-missing' })
  assert.throws(() => findChecksum(`${s256}  diskXqcow2\n`, 'disk.qcow2', 'SUMS'), { code: 'checksum-missing' })
})

test('weak and contradicting digests vouch for nothing', () => {
  assert.throws(() => findChecksum(`${'a'.repeat(32)}  disk.qcow2\n`, 'disk.qcow2', 'SUMS'), /MD5/)
  assert.throws(() => findChecksum(`${s256}  disk.qcow2\n${'b'.repeat(64)}  disk.qcow2\n`, 'disk.qcow2', 'SUMS'), /twice/)
})

test('a checksum may be written with its algorithm, alone, or as none', () => {
  assert.deepEqual(parseChecksum(`sha256:${s256}`), { algorithm: 'sha256', digest: s256 })
  assert.deepEqual(parseChecksum(s512), { algorithm: 'sha512', digest: s512.toLowerCase() })
  assert.equal(parseChecksum('none'), undefined)
  for (const bad of ['', 'sha512:abc', `sha256:${s512}`, `md5:${'a'.repeat(32)}`]) assert.throws(() => parseChecksum(bad), { code: 'checksum-format' })
})

test('an address gives the name of its file and nothing else', () => {
  assert.equal(fileName('https://x.test/a/disk%20one.qcow2?token=1'), 'disk one.qcow2')
  assert.equal(fileName('/srv/images/disk.qcow2'), 'disk.qcow2')
  assert.equal(localPath('file:///srv/a%20b.qcow2'), '/srv/a b.qcow2')
  for (const bad of ['https://x.test/', 'disk.qcow2', 'gopher://x/disk', 'https://x.test/..%2f', 'file://other/disk']) assert.throws(() => fileName(bad), { code: 'image-url' }, bad)
})

test('an image has a readable key that changes with all that decides about its content', () => {
  const spec: ImageSpec = { kind: 'download', url: 'https://x.test/debian-12-generic-amd64.qcow2', checksumUrl: 'https://x.test/SUMS', workingDir: '/tmp/a' }
  assert.match(imageKey(spec), /^debian-12-generic-amd64-[0-9a-f]{12}$/)
  assert.equal(imageKey(spec), imageKey({ ...spec, workingDir: '/tmp/b' }))
  assert.notEqual(imageKey(spec), imageKey({ ...spec, url: 'https://y.test/debian-12-generic-amd64.qcow2' }))
  assert.notEqual(imageKey(spec), imageKey({ ...spec, checksum: `sha256:${s256}` }))
  assert.notEqual(imageKey(spec), imageKey({ ...spec, seed: 'farm' }))
  // Keys that caches already have must stay as they are.
  assert.equal(imageKey(spec), 'debian-12-generic-amd64-dbff84648c8c')
  for (const same of [{ arch: 'x86_64' }, { name: 'debian-12-generic-amd64.qcow2' }]) assert.equal(imageKey({ ...spec, ...same }), imageKey(spec))
  for (const other of [{ arch: 'aarch64' }, { name: 'other.qcow2' }]) assert.notEqual(imageKey({ ...spec, ...other }), imageKey(spec))
  const build: ImageSpec = { kind: 'build', suite: 'bookworm', arch: 'amd64', packages: ['vim', 'less'] }
  assert.match(imageKey(build), /^bookworm-amd64-[0-9a-f]{12}$/)
  assert.equal(imageKey(build), imageKey({ ...build, packages: ['less', 'vim', 'less'] }))
  assert.notEqual(imageKey(build), imageKey({ ...build, packages: ['less'] }))
  assert.match(imageKey({ ...spec, url: '/srv/$(reboot) x.img' }), /^reboot-x-[0-9a-f]{12}$/)
})

test('what could reach a command as an option is not a package, suite or mirror', () => {
  const build = { kind: 'build', suite: 'bookworm', arch: 'amd64', packages: [] } as const
  assert.throws(() => imageKey({ ...build, packages: ['--hook=x'] }), { code: 'image-package' })
  assert.throws(() => imageKey({ ...build, packages: ['a,b'] }), { code: 'image-package' })
  assert.throws(() => imageKey({ ...build, suite: '-x' }), { code: 'image-suite' })
  assert.throws(() => imageKey({ ...build, mirror: 'deb http://x y' }), { code: 'image-mirror' })
})

test('the name of an image is one of a file alone', () => {
  const spec: ImageSpec = { kind: 'download', url: 'https://x.test/42/download', checksum: 'none', workingDir: '/tmp/a' }
  assert.match(imageKey({ ...spec, name: 'x.qcow2' }), /^x-[0-9a-f]{12}$/)
  assert.match(imageKey({ ...spec, url: 'https://x.test/?id=42', name: 'x.qcow2' }), /^x-/)
  for (const name of ['', '..', 'a/b', 'a\nb']) assert.throws(() => imageKey({ ...spec, name }), { code: 'image-name' }, name)
})

test('a guest that starts without a boot loader talks on the console that its architecture has', () => {
  const consoles = { x86_64: 'ttyS0', aarch64: 'ttyAMA0', ppc64le: 'hvc0', riscv64: 'ttyS0', s390x: 'ttysclp0' }
  const debian: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', ppc64le: 'ppc64el' }
  for (const [arch, console] of Object.entries(consoles)) {
    const downloaded = plannedImage({ kind: 'download', url: '/d.img', kernelUrl: '/k', checksum: 'none', workingDir: '/tmp/a', arch }, '/cache').cmdline ?? ''
    const built = plannedImage({ kind: 'build', suite: 'trixie', arch: debian[arch] ?? arch, packages: [] }, '/cache').cmdline
    assert.ok(downloaded.includes(` console=${console} `), `${arch}: ${downloaded}`)
    assert.equal(/tsc=|no_timer_check/.test(downloaded), arch === 'x86_64', `${arch}: ${downloaded}`)
    assert.equal(built, downloaded)
  }
})

test('what is no disk image is called by its name', () => {
  const head = (start: string): Buffer => Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(200)])
  assert.throws(() => imageFormat(head('<!DOCTYPE html>'), 'x'), /a web page/)
  assert.throws(() => imageFormat(head('\xfd7zXZ\0'), 'x'), /compressed with xz/)
  assert.throws(() => imageFormat(head('KDMV'), 'x'), /VMDK/)
  assert.throws(() => imageFormat(Buffer.from('QFI'), 'x'), /too short/)
  assert.deepEqual(imageFormat(head('\xeb\x63\x90'), 'x'), { format: 'raw' })
})
