import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { LAN } from '../lab/index.ts'
import { assertAsBefore, assertExit, CACHE, eventsOf } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

/** A stand-in for a guest: a namespace on the cluster's bridge with a guest's address. */
const GUEST = `
ip netns add guest
ip link add guest-port type veth peer name eth0 netns guest
ip link set guest-port master kvmbr0 up
ip -n guest addr add 172.17.2.2/24 dev eth0
ip -n guest link set eth0 up
ip -n guest route add default via 172.17.2.1`
const NO_GUEST = 'ip netns del guest; ip link del guest-port 2>/dev/null; rmdir /run/netns; umount /run/netns 2>/dev/null; rmdir /run/netns 2>/dev/null; true'

describe('the cluster network', () => {
  let stage: Stage

  before(async () => {
    stage = await setStage({ image: 'blank', machines: [] })
    await stage.lab.controller(['ip', 'route', 'add', '172.17.2.0/24', 'via', stage.host.address])
  })
  after(async () => stage?.[Symbol.asyncDispose]())

  /** The address under which the LAN sees a guest's connection. */
  async function seenAs(): Promise<string> {
    const port = new URL(stage.http.url).port
    const request = `exec 3<>/dev/tcp/${LAN.controller}/${port}; printf 'GET /peer HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`
    await stage.host.must(`ip netns exec guest timeout 10 bash -c "${request}"`)
    return (await stage.http.served('/peer')).at(-1)?.peer ?? ''
  }

  const reachable = async (): Promise<boolean> => (await stage.lab.controller(['ping', '-c', '1', '-W', '2', '172.17.2.2'])).code === 0

  for (const mode of ['nat', 'route'] as const) {
    test(`mode ${mode}: machines get out, ${mode === 'nat' ? 'under the address of the hypervisor' : 'under their own address, and the LAN gets in'}`, async () => {
      stage.project.write({ vars: { vm_network_mode: mode } })
      assertExit(await stage.farm.provision(), 0)
      assert.match(await stage.host.must('virsh net-dumpxml anemoi'), new RegExp(`<forward[^>]* mode=.${mode}.`))
      assert.equal((await stage.host.must('cat /proc/sys/net/ipv4/ip_forward')).trim(), '1')
      await stage.host.must(GUEST)
      try {
        assert.equal(await seenAs(), mode === 'nat' ? stage.host.address : '172.17.2.2')
        if (mode === 'route') assert.equal(await reachable(), true, await stage.host.must('iptables-save'))
      } finally {
        await stage.host.must(NO_GUEST)
      }
      const again = await stage.farm.provision()
      assertExit(again, 0)
      assert.deepEqual(eventsOf(again, 'change'), [])
    })

    test(`mode ${mode}: every rule, the bridge and IPv4 forwarding are given back`, async () => {
      assertExit(await stage.farm.unprovision(), 0)
      await assertAsBefore(stage.host, stage.bare, CACHE)
    })
  }

  test('IPv4 forwarding that was on before stays on', async () => {
    await stage.host.must('echo 1 > /proc/sys/net/ipv4/ip_forward')
    const forwarding = await stage.host.footprint()
    try {
      stage.project.write()
      assertExit(await stage.farm.provision(), 0)
      assertExit(await stage.farm.unprovision(), 0)
      await assertAsBefore(stage.host, forwarding, CACHE)
    } finally {
      await stage.host.must('echo 0 > /proc/sys/net/ipv4/ip_forward')
    }
  })

  test('rules, a pool and a network of others stay as they are', async () => {
    await stage.host.must(`
      iptables -I FORWARD 1 -i eno1 -o eno1 -j ACCEPT
      iptables -t nat -A POSTROUTING -s 192.168.9.0/24 -o eno1 -j MASQUERADE
      mkdir -p /srv/other; virsh -q pool-define-as other dir --target /srv/other; virsh -q pool-start other
      echo '<network><name>other</name><bridge name="virbr9" stp="off"/><ip address="192.168.9.1" netmask="255.255.255.0"/></network>' > /run/lab/o.xml
      virsh -q net-define /run/lab/o.xml; virsh -q net-start other`)
    const shared = await stage.host.footprint()
    stage.project.write()
    assertExit(await stage.farm.provision(), 0)
    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, shared, CACHE)
  })
})
