import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Footprint } from '../lab/index.ts'
import { assertAsBefore, assertExit, CACHE, eventsOf, Farm } from './farm.ts'
import { Project } from './project.ts'
import { setStage, type Stage } from './rig.ts'

/** Beside the first cluster: other names, another bridge, another subnet. */
const SECOND = {
  vmhost_cluster_name: 'aeolus',
  vmhost_bridge_iface: 'kvmbr1',
  vm_cluster_bridge_net: '172.17.3.0/24',
  vm_cluster_bridge_ip: '172.17.3.1',
  vm_cluster_bridge_dhcp_start: '172.17.3.2',
  vm_cluster_bridge_dhcp_end: '172.17.3.254',
}

/** Of the second cluster, but not for ever: libvirt gives a bridge another MAC each time, and downloads leave an empty directory. */
const RESTLESS = ['/etc/libvirt/qemu/networks/aeolus.xml', '/tmp/vm_imgs']

describe('two clusters on one hypervisor', () => {
  let stage: Stage
  let second: Farm
  let bare: Footprint
  let alone: Footprint

  before(async () => {
    stage = await setStage({ image: 'blank', machines: [] })
    second = new Farm(stage.lab, await Project.create({ lab: stage.lab, url: stage.http.url, machines: [], vars: SECOND }, 'second'))
    bare = await stage.host.footprint()
  })
  after(async () => stage?.[Symbol.asyncDispose]())

  const forwarding = async (): Promise<string> => (await stage.host.must('cat /proc/sys/net/ipv4/ip_forward')).trim()
  const networks = async (): Promise<string[]> => (await stage.host.must('virsh -q net-list --name')).trim().split(/\s+/).sort()
  /** Rules that name a bridge. */
  const rules = async (bridge: string): Promise<string> => stage.host.must(`iptables-save | grep -w ${bridge} || true`)

  test('the second is made beside the first, which it does not disturb', async () => {
    assertExit(await second.provision(), 0)
    alone = await stage.host.footprint()
    assertExit(await second.unprovision(), 0)
    await assertAsBefore(stage.host, bare, CACHE)

    assertExit(await stage.farm.provision(), 0)
    const first = await stage.host.footprint()
    const kept = await rules('kvmbr0')
    assertExit(await second.provision(), 0)
    assert.deepEqual(await networks(), ['aeolus', 'anemoi'])
    assert.equal(await rules('kvmbr0'), kept)
    const now = await stage.host.footprint()
    assert.deepEqual([...first.keys()].filter((fact) => !now.has(fact)), [], 'nothing of the first cluster is gone')
    for (const farm of [stage.farm, second]) {
      const again = await farm.provision()
      assertExit(again, 0)
      assert.deepEqual(eventsOf(again, 'change'), [])
    }
  })

  test('a second cluster on the bridge or the subnet of the first is refused', async () => {
    const project = await Project.create({ lab: stage.lab, url: stage.http.url, machines: [], vars: { ...SECOND, vmhost_cluster_name: 'third' } }, 'third')
    const third = new Farm(stage.lab, project)
    const both = await stage.host.footprint()
    assertExit(await third.provision(), 65)
    project.edit('kvmbr1', 'kvmbr2')
    assertExit(await third.provision(), 65)
    await assertAsBefore(stage.host, both)
  })

  test('removing the first leaves the second, its rules and IPv4 forwarding alone', async () => {
    assertExit(await stage.farm.unprovision(), 0)
    assert.deepEqual(await networks(), ['aeolus'])
    assert.equal(await forwarding(), '1')
    assert.equal(await rules('kvmbr0'), '')
    await assertAsBefore(stage.host, alone, [...CACHE, ...RESTLESS])
    const again = await second.provision()
    assertExit(again, 0)
    assert.deepEqual(eventsOf(again, 'change'), [])
  })

  test('removing the second gives forwarding back: the host is what it was before', async () => {
    assertExit(await second.unprovision(), 0)
    assert.equal(await forwarding(), '0')
    await assertAsBefore(stage.host, bare, CACHE)
  })
})
