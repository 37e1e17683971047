import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FarmError } from '../../../src/errors.ts'
import { checkImageSource, ensureImage } from '../../../src/image/index.ts'
import { readBuildScript } from '../../../src/image/guest-files.ts'
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

/** Runs the build script in a mount namespace with programs of our own; the first one that is missing ends it. */
function runScript(dir: string, programs: Readonly<Record<string, string>>): string {
  const [bin, stage] = [join(dir, 'bin'), join(dir, 'my stage')]
  for (const made of [bin, stage]) mkdirSync(made)
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  writeFileSync(join(stage, 'build.sh'), readBuildScript())
  const { status } = spawnSync('unshare', ['-m', '--propagation', 'private', 'sh', join(stage, 'build.sh'), stage, 'bookworm', 'amd64', 'less', '64'], { env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, DIR: dir } })
  assert.notEqual(status, 0)
  return stage
}

test('a build that fails removes its tree with a rm that knows only what POSIX says', async (t) => {
  const { dir } = await rig(t)
  const stage = runScript(dir, {
    rm: 'case " $* " in *" --"[a-z]*) echo "rm: unrecognized option: $*" >&2; exit 1 ;; esac; exec /bin/rm "$@"',
    mmdebstrap: 'mkdir -p "$DIR/my stage/root/etc"; exit 1',
  })
  assert.deepEqual(readdirSync(stage).sort(), ['build.log', 'build.sh', 'stage'])
})

test('a build that fails while something is mounted in its tree does not empty that, and says so', async (t) => {
  const { dir } = await rig(t)
  const precious = join(dir, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), '')
  const stage = runScript(dir, { mmdebstrap: 'mkdir -p "$DIR/my stage/root/dev"; mount --bind "$DIR/precious" "$DIR/my stage/root/dev"; exit 1' })
  assert.ok(existsSync(join(precious, 'file')))
  assert.match(readFileSync(join(stage, 'build.log'), 'utf8'), /^E: something is mounted in .*my stage/m)
})
