import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { DISK, RELEASE_PATH } from '../lab/images.ts'
import { assertAsBefore, assertExit, assertFailure, CACHE, story } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

const IMAGE = `${RELEASE_PATH}/${DISK}`
const SUMS = `${RELEASE_PATH}/SHA512SUMS`

describe('the image comes over HTTP and is never trusted unverified', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'blank', machines: [] })))
  beforeEach(async () => {
    await stage.http.heal()
    await stage.host.must('rm -rf /var/lib/farm /tmp/vm_imgs')
    stage.project.write()
  })
  after(async () => stage?.[Symbol.asyncDispose]())

  /** Files on the host of at least a megabyte that look like a finished image. */
  const images = async (): Promise<string> => (await stage.host.must('find /var/lib/farm /tmp -name "*.qcow2" -size +1000k 2>/dev/null || true')).trim()
  const fetched = async (): Promise<number> => (await stage.http.served(IMAGE)).filter((one) => one.method === 'GET').length
  const takeAway = async (): Promise<void> => {
    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  }

  test('a verified image is fetched once, kept, and not fetched again after an unprovision', async () => {
    const before = await fetched()
    assertExit(await stage.farm.provision(), 0)
    assert.equal(await fetched(), before + 1)
    await takeAway()
    assertExit(await stage.farm.provision(), 0)
    assert.equal(await fetched(), before + 1)
    await takeAway()
  })

  test('an image that differs from its checksum is refused, and nothing of it is kept as an image', async () => {
    await stage.http.fault(SUMS, { kind: 'body', text: `${'0'.repeat(128)}  ${DISK}\n${'0'.repeat(128)}  vmlinuz\n${'0'.repeat(128)}  initrd.img\n` })
    const run = await stage.farm.provision()
    assert.ok(run.code === 2 || run.code === 65, story(run))
    const failure = assertFailure(run, run.code)
    assert.match(`${failure.message} ${failure.hint}`, /checksum|sha512/i)
    assert.equal(await images(), '')
    await stage.http.heal()
    assertExit(await stage.farm.provision(), 0)
    await takeAway()
  })

  test('a checksum file that does not list the image is an error that names both', async () => {
    await stage.http.fault(SUMS, { kind: 'body', text: `${'0'.repeat(128)}  another.qcow2\n` })
    const run = await stage.farm.provision()
    assert.ok(run.code === 2 || run.code === 65, story(run))
    const failure = assertFailure(run, run.code)
    assert.match(failure.message, new RegExp(`${DISK.replaceAll('.', '\\.')}|SHA512SUMS`))
    assert.equal(await images(), '')
    await takeAway()
  })

  test('an image that is not there is an error that names its URL', async () => {
    await stage.http.fault(IMAGE, { kind: 'status', status: 404 })
    const run = await stage.farm.provision()
    assert.ok(run.code === 2 || run.code === 65, story(run))
    const failure = assertFailure(run, run.code)
    assert.match(`${failure.message} ${failure.details?.join(' ')}`, /404/)
    assert.match(failure.message, /\.qcow2/)
    await takeAway()
  })

  test('a broken download is never used, and goes on where it broke', async () => {
    await stage.http.fault(IMAGE, { kind: 'truncate', bytes: 1_500_000 }, 1)
    const count = await fetched()
    const run = await stage.farm.provision()
    // Trying again at once and leaving it to the next run are both fine.
    if (run.code !== 0) {
      assertFailure(run, run.code ?? -1)
      assert.equal(await images(), '')
      assertExit(await stage.farm.provision(), 0)
    }
    const [broken, resumed] = (await stage.http.served(IMAGE)).filter((one) => one.method === 'GET').slice(count)
    assert.equal(broken?.bytes, 1_500_000)
    assert.match(resumed?.range ?? '', /^bytes=[1-9]\d*-/)
    assert.notEqual(await images(), '')
    await takeAway()
  })

  test('where the server knows no ranges, a broken download begins anew', async () => {
    await stage.http.fault(IMAGE, { kind: 'truncate', bytes: 1_500_000 }, 1)
    const run = await stage.farm.provision()
    await stage.host.must('rm -rf /var/lib/farm/images/*.qcow2')
    if (run.code !== 0) {
      await stage.http.fault(IMAGE, { kind: 'no-ranges' })
      assertExit(await stage.farm.provision(), 0)
    }
    await takeAway()
  })

  test('a second farm on the same host gives way at once and names the one at work', async () => {
    await stage.http.fault(IMAGE, { kind: 'stall', bytes: 1_000_000 })
    const working = stage.farm.start('provision-cluster')
    try {
      while (working.running && (await stage.http.stalled()) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
      const second = await stage.farm.provision()
      const failure = assertFailure(second, 75)
      assert.match(`${failure.message} ${failure.hint}`, /anemoi/)
      assert.match(`${failure.message} ${failure.hint}`, /root@|pid|process/i)
      assert.equal(working.running, true)
    } finally {
      await working.kill()
    }
    await stage.http.heal()
    assertExit(await stage.farm.provision(), 0)
    await takeAway()
  })

  test('an interrupted run says so, frees the host, and the next one goes on with the same download', async () => {
    await stage.http.fault(IMAGE, { kind: 'stall', bytes: 1_000_000 })
    const count = await fetched()
    const working = stage.farm.start('provision-cluster')
    while (working.running && (await stage.http.stalled()) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    working.child.kill('SIGINT')
    const run = await working.end()
    assertExit(run, 130)
    await stage.http.heal()
    assertExit(await stage.farm.provision(), 0)
    const ranges = (await stage.http.served(IMAGE)).filter((one) => one.method === 'GET').slice(count + 1).map((one) => one.range)
    assert.match(ranges[0] ?? '', /^bytes=[1-9]/)
    await takeAway()
  })
})
