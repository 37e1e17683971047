import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { findDigest } from '../../../src/ensure/sums.ts'
import { failureOf } from '../host/rig.ts'
import { bench } from './bench.ts'

const BODY = Buffer.from('the file\n')
const digest = (algorithm: string): string => createHash(algorithm).update(BODY).digest('hex')

async function server(t: TestContext): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = []
  const files: Record<string, string | Buffer> = { '/app.tar': BODY, '/SUMS': `${digest('sha512')}  other\n${digest('sha256')} *app.tar\n`, '/BAD': `${'0'.repeat(64)}  app.tar\n` }
  const made = createServer((request, response) => {
    requests.push(request.url ?? '')
    const body = files[request.url ?? '']
    response.writeHead(body === undefined ? 404 : 200).end(body)
  }).listen(0, '127.0.0.1')
  await once(made, 'listening')
  t.after(() => void (made.closeAllConnections(), made.close()))
  return { url: `http://127.0.0.1:${(made.address() as AddressInfo).port}`, requests }
}

/** A host without curl. */
const withoutCurl = (command: string): string => command.replaceAll('command -v curl', 'command -v no-curl')

describe('ensure.download', { timeout: 60_000 }, () => {
  for (const [tool, wrap] of [['curl', (command: string) => command], ['wget', withoutCurl]] as const) {
    it(`fetches by ${tool}, verifies, and does not fetch again what is right`, async (t) => {
      const { ensure, check, path, changes, roundTrips, leftovers } = await bench(t, { wrap })
      const { url, requests } = await server(t)
      const wanted = { url: `${url}/app.tar`, dest: `${path()}/`, checksum: `sha256:${digest('sha256')}`, mode: '0755' }
      assert.deepEqual(await check.download(wanted), { changed: true })
      assert.equal(existsSync(path('app.tar')), false)
      roundTrips()
      assert.deepEqual(await ensure.download(wanted), { changed: true })
      assert.equal(roundTrips(), 2)
      assert.equal(readFileSync(path('app.tar'), 'utf8'), 'the file\n')
      assert.equal(statSync(path('app.tar')).mode & 0o777, 0o755)
      assert.deepEqual(await ensure.download(wanted), { changed: false })
      assert.deepEqual(await ensure.download({ ...wanted, checksum: `${url}/SUMS` }), { changed: false })
      assert.deepEqual(requests, ['/app.tar', '/SUMS'])
      assert.equal(changes()[1]?.summary, `download ${url}/app.tar to ${path('app.tar')}`)
      writeFileSync(path('app.tar'), 'damaged')
      assert.deepEqual(await ensure.download({ ...wanted, checksum: `sha512:${digest('sha512')}`, mode: undefined }), { changed: true })
      assert.equal(readFileSync(path('app.tar'), 'utf8'), 'the file\n')
      assert.deepEqual(leftovers(), [])
    })

    it(`says by ${tool} that nothing is there, or nobody answers`, async (t) => {
      const { ensure, path, leftovers } = await bench(t, { wrap })
      const { url } = await server(t)
      const missing = await failureOf(ensure.download({ url: `${url}/nothing`, dest: path('x') }))
      assert.deepEqual([missing.code, missing.exitCode], ['download-missing', 2])
      assert.match(missing.message, /404/)
      const silent = await failureOf(ensure.download({ url: 'http://user:hunter2@127.0.0.1:1/x', dest: path('x') }))
      assert.deepEqual([silent.code, silent.exitCode], ['download-failed', 75])
      assert.equal(silent.message.includes('hunter2'), false)
      assert.equal((await failureOf(ensure.download({ url: `${url}/app.tar`, dest: path('x'), checksum: `${url}/no-sums` }))).code, 'download-missing')
      assert.deepEqual([leftovers(), existsSync(path('x'))], [[], false])
    })
  }

  it('keeps the old file when what came is not what the checksum promises', async (t) => {
    const { ensure, path, leftovers } = await bench(t)
    const { url } = await server(t)
    writeFileSync(path('x'), 'old')
    for (const checksum of [`sha256:${'0'.repeat(64)}`]) assert.equal((await failureOf(ensure.download({ url: `${url}/app.tar`, dest: path('x'), checksum }))).code, 'download-checksum')
    assert.equal((await failureOf(ensure.download({ url: `${url}/app.tar`, dest: path('x'), checksum: `${url}/BAD` }))).code, 'download-checksum')
    assert.deepEqual([readFileSync(path('x'), 'utf8'), leftovers()], ['old', []])
  })

  it('without a checksum fetches only what is not there, unless forced', async (t) => {
    const { ensure, path } = await bench(t)
    const { url, requests } = await server(t)
    const wanted = { url: `${url}/app.tar`, dest: path('x') }
    assert.deepEqual(await ensure.download(wanted), { changed: true })
    assert.deepEqual(await ensure.download(wanted), { changed: false })
    assert.equal(requests.length, 1)
    assert.deepEqual(await ensure.download({ ...wanted, force: true }), { changed: true })
    mkdirSync(path('dir'))
    assert.match((await failureOf(ensure.download({ ...wanted, dest: path('dir') }))).hint ?? '', /dir\//)
    assert.match((await failureOf(ensure.download({ ...wanted, dest: path('no/dir') }))).hint ?? '', /ensure\.directory/)
    assert.match((await failureOf(ensure.download({ ...wanted, checksum: 'md5:abc' }))).message, /checksum/)
  })
})

describe('a file of checksums', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
  it('is read as sha256sum and sha512sum write it, plain or tagged', () => {
    assert.equal(findDigest(`${b}  x\n${a} *./dir/y\n`, 'y', 's').value, a)
    assert.equal(findDigest(`SHA256 (y) = ${a}\n`, 'y', 's').value, a)
    assert.equal(findDigest(`${a}\n`, 'y', 's').value, a)
    assert.throws(() => findDigest(`${a}  z\n`, 'y', 's'), /lists no SHA-256/)
    assert.throws(() => findDigest(`${a}  y\n${b}  y\n`, 'y', 's'), /twice/)
  })
})
