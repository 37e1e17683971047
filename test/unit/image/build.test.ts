import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FarmError } from '../../../src/errors.ts'
import { checkImageSource, ensureImage } from '../../../src/image/index.ts'
import { rig } from './rig.ts'

test('a build that fails quotes the end of its log, keeps the log, and leaves nothing else', { timeout: 60_000 }, async (t) => {
  const r = await rig(t)
  // Nobody serves a mirror there.
  const spec = { kind: 'build', suite: 'bookworm', arch: 'amd64', packages: [], mirror: `${r.url}/debian` } as const
  await assert.rejects(ensureImage(r.host, spec, { cacheDir: r.cacheDir, progress: () => undefined }), (error: FarmError) => {
    assert.equal(error.code, 'image-build')
    assert.match(error.details.join('\n'), /404|Release/)
    assert.match(error.hint ?? '', /mirror/)
    return true
  })
  const [log, ...others] = readdirSync(r.cacheDir)
  assert.deepEqual(others, [])
  assert.match(log ?? '', /^bookworm-amd64-[0-9a-f]{12}\.log$/)
  assert.match(readFileSync(join(r.cacheDir, log ?? ''), 'utf8'), /installing bookworm packages/)
})

test('a host without mmdebstrap is told how to get it before anything is changed', async (t) => {
  const r = await rig(t)
  const host = r.bind({ wrap: (command) => `PATH=/bin-of-nobody:/usr/sbin; id() { echo 0; }\n${command}` })
  await assert.rejects(checkImageSource(host, { kind: 'build', suite: 'bookworm', arch: 'amd64', packages: [] }), (error: FarmError) => {
    assert.equal(error.code, 'builder-missing')
    assert.match(error.hint ?? '', /apt-get install .*mmdebstrap/)
    return true
  })
  assert.deepEqual(r.changes, [])
})
