import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertAsBefore, assertExit, CACHE, eventsOf, story } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

const POOL = '/var/lib/libvirt/images/anemoi'

describe('machines with snapshots and saved memory', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'guest', machines: ['boreas', 'zephyrus', 'notus'] })))
  after(async () => stage?.[Symbol.asyncDispose]())

  test('a machine on a snapshot stays on it: what its guest wrote since then is not thrown away', async () => {
    assertExit(await stage.farm.provision(), 0)
    await stage.host.must('virsh -q snapshot-create-as zephyrus outside --disk-only --atomic')
    await stage.host.must(`virsh -q snapshot-create-as notus whole --memspec ${POOL}/notus.ram,snapshot=external --atomic`)
    await stage.host.must('virsh -q snapshot-create-as boreas inside')
    for (const file of [/zephyrus\.outside/, /notus\.ram/]) assert.match(await stage.host.must(`ls ${POOL}`), file)

    const again = await stage.farm.provision()
    assertExit(again, 0)
    assert.deepEqual(eventsOf(again, 'change'), [], story(again))
    assert.match(await stage.host.must('virsh -q domblklist zephyrus --inactive'), /zephyrus\.outside/)
  })

  test('unprovision removes snapshots inside and beside the disk, memory that was saved, and all their files', async () => {
    await stage.host.must('virsh -q managedsave notus')
    const files = await stage.host.must(`ls ${POOL} /var/lib/libvirt/qemu/save /var/lib/libvirt/qemu/snapshot/*`)
    for (const name of ['zephyrus.outside', 'notus.ram', 'notus.save', 'inside.xml', 'outside.xml']) assert.ok(files.split('\n').includes(name), `${name} is not among\n${files}`)

    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })
})
