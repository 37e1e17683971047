import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { packaged } from '../../src/paths.ts'
import { must } from '../lab/index.ts'
import { assertAsBefore, assertExit, CACHE, eventsOf, story } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

const TEMPLATE = 'templates/domain.xml.hbs'

describe('what a user changes about a running machine', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'guest', machines: ['boreas'] })))
  after(async () => stage?.[Symbol.asyncDispose]())

  const inGuest = (command: string): Promise<string> => stage.farm.inGuest('boreas', command)
  const notes = (run: Awaited<ReturnType<Stage['farm']['provision']>>, level: 'info' | 'warning'): string[] => eventsOf(run, 'note').filter((note) => note.level === level).map((note) => note.message)
  /** MiB of memory as the guest counts them: a little less than it has. */
  const memory = async (): Promise<number> => Number((await inGuest('free -m')).split('\n')[1]?.split(/\s+/)[1])

  test('programs in the guest accept certificates that the CA of the project signed', async () => {
    await must(['sh', '-euc', `
      openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=web.winds.test
      openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out leaf.crt -days 5
      openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -days 5 -subj /CN=other.test`], { cwd: stage.lab.home })
    assertExit(await stage.farm.provision(), 0)
    const verify = async (file: string): Promise<string> => inGuest(`printf '%s' '${readFileSync(join(stage.lab.home, file), 'utf8')}' > /tmp/x.crt; openssl verify /tmp/x.crt 2>&1 || true`)
    assert.match(await verify('leaf.crt'), /^\/tmp\/x\.crt: OK$/m)
    assert.match(await verify('other.crt'), /verification failed/)
  })

  test('a larger vm_diskspace grows the disk of the running machine, and its data stay', async () => {
    await inGuest('head -c 3000000 /dev/urandom > /root/data; sha256sum /root/data > /root/sum; cp /proc/sys/kernel/random/boot_id /root/boot; sync')
    stage.project.edit('vm_diskspace: 3G', 'vm_diskspace: 4G')
    const run = await stage.farm.provision()
    assertExit(run, 0)
    assert.deepEqual(eventsOf(run, 'change').map((event) => event.change.summary), ['grow disk /var/lib/libvirt/images/anemoi/boreas.qcow2 from 3 GiB to 4 GiB'])
    assert.equal(await inGuest('cat /sys/block/vda/size'), String(4 * 2 ** 21))
    await inGuest('resize2fs /dev/vda && sha256sum -c /root/sum && cmp /root/boot /proc/sys/kernel/random/boot_id')
    assert.ok(Number((await inGuest('df -k --output=size /')).split('\n').at(-1)) > 3.5 * 2 ** 20)
  })

  test('a smaller vm_diskspace is warned about, and the disk stays as it is', async () => {
    stage.project.edit('vm_diskspace: 4G', 'vm_diskspace: 2560M')
    const run = await stage.farm.provision()
    assertExit(run, 0)
    assert.deepEqual(eventsOf(run, 'change'), [])
    const [warning] = notes(run, 'warning')
    for (const expected of [/boreas/, /4 GiB/, /2560 MiB/, /not shrunk/]) assert.match(warning ?? '', expected)
    await inGuest(`test $(cat /sys/block/vda/size) = ${4 * 2 ** 21} && sha256sum -c /root/sum`)
    stage.project.edit('vm_diskspace: 2560M', 'vm_diskspace: 4G')
  })

  test('a template of the project takes the place of the one that farm has under that name', async () => {
    const own = join(stage.project.dir, TEMPLATE)
    mkdirSync(join(stage.project.dir, 'templates'))
    copyFileSync(packaged(TEMPLATE), own)
    assertExit(await stage.farm.provision('--check'), 0)

    const text = readFileSync(own, 'utf8')
    assert.ok(text.includes("  <memory unit='MiB'>"))
    writeFileSync(own, text.replace("  <memory unit='MiB'>", "  <description>a wind of {{cluster}}</description>\n  <memory unit='MiB'>"))
    const check = await stage.farm.provision('--check')
    assertExit(check, 3)
    assert.match(eventsOf(check, 'change')[0]?.change.diff?.after ?? '', /<description>a wind of anemoi<\/description>/)
    assert.doesNotMatch(await stage.host.must('virsh dumpxml --inactive boreas'), /<description>/)

    assertExit(await stage.farm.provision(), 0)
    assert.match(await stage.host.must('virsh dumpxml --inactive boreas'), /<description>a wind of anemoi<\/description>/)
    rmSync(own)
    assertExit(await stage.farm.provision('--check'), 0)
  })

  test('other memory waits for the next boot, which is said, and the guest runs on', async () => {
    stage.project.edit('vm_mem: 384', 'vm_mem: 448')
    const before = await memory()
    assert.ok(before > 300 && before < 384, String(before))
    const run = await stage.farm.provision()
    assertExit(run, 0)
    assert.match(eventsOf(run, 'change').map((event) => event.change.summary).join('\n'), /^change machine boreas \(takes effect at its next boot.*vm_drift=restart.*\)$/)
    assert.match(notes(run, 'warning').join('\n'), /boreas.*next boot/)
    assert.match(await stage.host.must('virsh dumpxml --inactive boreas'), /<memory unit='KiB'>458752</)
    assert.equal(await memory(), before)
    await inGuest('cmp /root/boot /proc/sys/kernel/random/boot_id')
  })

  test('vm_drift=restart lets the guest power off in order, and it comes back with the memory', async () => {
    const run = await stage.farm.provision('-e', 'vm_drift=restart')
    assertExit(run, 0)
    assert.deepEqual(eventsOf(run, 'change').map((event) => event.change.summary), ['restart machine boreas'])
    assert.equal(eventsOf(run, 'rung').at(-1)?.rung, 'login', story(run))
    const now = await memory()
    assert.ok(now > 384 && now < 448, String(now))
    await inGuest('! cmp -s /root/boot /proc/sys/kernel/random/boot_id && sha256sum -c /root/sum')
    assert.match(await stage.host.must('cat /var/log/farm/boreas.log'), /reboot: Power down/)
    const again = await stage.farm.provision('-e', 'vm_drift=restart')
    assertExit(again, 0)
    assert.deepEqual(eventsOf(again, 'change'), [])
  })

  test('unprovision gives everything back', async () => {
    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })
})
