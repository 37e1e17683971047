import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../lab/index.ts'
import { assertAsBefore, assertExit, CACHE, eventsOf, story, type Run } from './farm.ts'
import { WINDS } from './project.ts'
import { setStage, type Stage } from './rig.ts'

/** What the machines and libvirt write by themselves while they run. */
const ALIVE = ['/var/lib/libvirt/images/anemoi', '/var/log', '/run/libvirt', '/var/lib/libvirt/qemu', '/var/lib/libvirt/dnsmasq']

/** What a run that changes nothing must leave alone: identities of the machines and of their disks. */
const IDENTITIES = `
for name in ${WINDS.join(' ')}; do virsh -q domid $name; virsh -q domuuid $name; done
for pool in $(virsh -q pool-list --name); do virsh -q vol-list $pool | awk '{print $2}' | xargs stat -c '%i %W %n'; done
virsh -q net-uuid anemoi; virsh -q pool-uuid anemoi-pool`

describe('a cluster of four machines on one hypervisor, over SSH', () => {
  let stage: Stage
  let first: Run

  before(async () => void (stage = await setStage({ image: 'guest' })))
  after(async () => stage?.[Symbol.asyncDispose]())

  test('check mode on a bare host says what it would do, exits with 3 and touches nothing', async () => {
    const run = await stage.farm.provision('--check')
    assertExit(run, 3)
    const changes = eventsOf(run, 'change')
    assert.ok(changes.length > 0, story(run))
    assert.deepEqual(changes.filter((event) => event.applied), [])
    await assertAsBefore(stage.host, stage.bare)
  })

  test('one command provisions the cluster and ends when every machine lets us in', async () => {
    first = await stage.farm.provision()
    assertExit(first, 0)
    for (const name of WINDS) {
      const rungs = eventsOf(first, 'rung').filter((event) => event.machine === name).map((event) => event.rung)
      assert.equal(rungs.at(-1), 'login', `${name}: ${rungs.join(', ')}`)
    }
    const end = eventsOf(first, 'run-end')[0]
    assert.equal(end?.exitCode, 0)
    assert.ok((end?.recap['anemoi']?.changed ?? 0) > 0)
  })

  test('each machine answers to its name, has its address and a root file system of the size that was asked for', async () => {
    for (const [index, name] of WINDS.entries()) {
      const login = await stage.farm.ssh(name, 'hostname; ip -4 -o addr show scope global | grep -o "172[0-9.]*/"; df -B1 --output=size / | tail -1')
      assertExit(login, 0)
      const [hostname, address, size] = login.stdout.trim().split(/\s+/)
      assert.equal(hostname, name)
      assert.equal(address, `172.17.2.${index + 2}/`)
      assert.ok(Number(size) > 2.6 * 2 ** 30, `the root file system of ${name} has ${size} bytes of 3 GiB`)
    }
  })

  test('farm ssh passes on the exit code and both streams of a command', async () => {
    const result = await stage.farm.ssh('boreas', 'echo out; echo err >&2; exit 7')
    assert.deepEqual([result.code, result.stdout.trim()], [7, 'out'], result.stderr)
    assert.match(result.stderr, /err/)
  })

  test('the machines reach each other by name', async () => {
    await Promise.all(
      WINDS.map(async (name, index) => {
        const other = WINDS[(index + 1) % WINDS.length]
        assertExit(await stage.farm.ssh(name, `ping -c 1 -W 10 ${other}`), 0)
      }),
    )
  })

  test('the machines trust the CA certificate', async () => {
    const certificate = readFileSync(join(stage.lab.home, 'ca.crt'), 'utf8').split('\n')[1] ?? ''
    await until('the certificate is trusted', async () => ((await stage.farm.ssh('notus', `grep -qF ${certificate} /etc/ssl/certs/ca-certificates.crt`)).code === 0 ? true : undefined), 60_000)
  })

  test('OpenSSH logs in with the configuration that farm ssh-config prints, verifying host keys', async () => {
    const config = await stage.farm.run('ssh-config', '-i', 'inventory/hosts.ini')
    assertExit(config, 0)
    const file = `${stage.lab.home}/farm-ssh-config`
    const write = await stage.lab.controller(['sh', '-c', 'cat > "$0"', file], { input: config.stdout })
    assertExit(write, 0)
    const ssh = await stage.lab.controller(['ssh', '-v', '-F', file, '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', 'eurus', 'hostname'])
    assert.equal(ssh.stdout.trim(), 'eurus', `${config.stdout}\n${ssh.stderr}`)
  })

  test('a machine with another host key than the one that farm gave it is refused', async () => {
    const change = 'cp -a /etc/ssh /root/ssh.kept; rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key'
    assertExit(await stage.farm.ssh('zephyrus', change), 0)
    assertExit(await stage.farm.ssh('boreas', 'true'), 0)
    const keys = `ssh-keyscan -t ed25519 172.17.2.3 2>/dev/null`
    const mine = await stage.host.must(keys)
    const refused = await stage.farm.ssh('zephyrus', 'hostname')
    assert.notEqual(refused.code, 0, `logged in although the key is ${mine}`)
    assert.match(refused.stderr, /key of zephyrus|host key/i)
    const back = `rm -rf /etc/ssh; mv /root/ssh.kept /etc/ssh`
    const insecure = ['ssh', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-i', `${stage.lab.home}/.ssh/anemoi_rsa`]
    const jump = `ProxyCommand=ssh -W %h:%p root@${stage.host.address}`
    assertExit(await stage.lab.controller([...insecure, '-o', jump, 'root@172.17.2.3', back]), 0)
    assertExit(await stage.farm.ssh('zephyrus', 'hostname'), 0)
  })

  test('farm status --json lists the machines with state, address, age and owner', async () => {
    const result = await stage.farm.run('status', '-i', 'inventory/hosts.ini', '--json')
    assertExit(result, 0)
    const parsed = JSON.parse(result.stdout) as unknown
    const machines = (Array.isArray(parsed) ? parsed : (parsed as { machines: unknown[] }).machines) as Record<string, unknown>[]
    assert.deepEqual(machines.map((machine) => machine['name']).sort(), [...WINDS].sort())
    for (const machine of machines) {
      assert.equal(machine['state'], 'running')
      assert.equal(machine['host'], 'anemoi')
      assert.match(String(machine['address']), /^172\.17\.2\.[2-5]$/)
      assert.match(String(machine['owner']), /@/)
      assert.ok(Math.abs(Date.now() - Date.parse(String(machine['created']))) < 30 * 60_000, String(machine['created']))
    }
  })

  test('the serial console of every machine is kept in a file', async () => {
    const { machines } = JSON.parse((await stage.farm.run('status', '-i', 'inventory/hosts.ini', '--json')).stdout) as { machines: { name: string; consoleLog: string }[] }
    for (const { name, consoleLog } of machines) assert.match(await stage.host.must(`cat ${consoleLog}`), /Linux version|systemd|login:/, name)
    assert.equal(machines.length, WINDS.length)
  })

  test('a second run changes nothing: same machines, same disks, and what a guest wrote is still there', async () => {
    assertExit(await stage.farm.ssh('boreas', 'cat /proc/sys/kernel/random/boot_id > /root/marker; sync'), 0)
    const identities = await stage.host.must(IDENTITIES)
    const footprint = await stage.host.footprint()
    const run = await stage.farm.provision()
    assertExit(run, 0)
    assert.deepEqual(eventsOf(run, 'change'), [])
    assert.equal(eventsOf(run, 'run-end')[0]?.recap['anemoi']?.changed, 0)
    assert.equal(await stage.host.must(IDENTITIES), identities)
    await assertAsBefore(stage.host, footprint, ALIVE)
    const marker = await stage.farm.ssh('boreas', 'cmp /root/marker /proc/sys/kernel/random/boot_id && echo same')
    assert.equal(marker.stdout.trim(), 'same', marker.stderr)
    assert.equal((await stage.http.served()).filter((one) => one.method === 'GET' && one.path.endsWith('.qcow2')).length, 1, 'the image was downloaded again')
  })

  test('with other memory in the inventory, check mode shows the drift and changes nothing', async () => {
    const identities = await stage.host.must(IDENTITIES)
    stage.project.edit('vm_mem: 384', 'vm_mem: 400')
    const run = await stage.farm.provision('--check')
    assertExit(run, 3)
    const changes = eventsOf(run, 'change')
    assert.deepEqual(changes.filter((event) => event.applied), [])
    const shown = changes.filter((event) => /memory/i.test(`${event.change.diff?.before}${event.change.diff?.after}`))
    assert.equal(shown.length, WINDS.length, story(run))
    assert.match(shown[0]?.change.diff?.after ?? '', /400|409600/)
    assert.equal(await stage.host.must(IDENTITIES), identities)
    assert.match(await stage.host.must('virsh dominfo boreas'), /Max memory:\s+393216 KiB/)
  })

  test('applied, the drift is changed for the next boot, said so, and settled', async () => {
    const run = await stage.farm.provision()
    assertExit(run, 0)
    assert.match(JSON.stringify(run.events), /next[ -]boot|next time/i)
    assert.match(await stage.host.must('virsh dumpxml --inactive boreas'), /<memory unit=.KiB.>409600</)
    const again = await stage.farm.provision()
    assertExit(again, 0)
    assert.deepEqual(eventsOf(again, 'change'), [])
    assert.equal((await stage.farm.ssh('boreas', 'cmp /root/marker /proc/sys/kernel/random/boot_id && echo same')).stdout.trim(), 'same')
  })

  test('a machine that is added to the inventory is made without touching the others', async () => {
    stage.project.edit('vm_cluster_vms:\n', 'vm_cluster_vms:\n  - aura\n')
    stage.project.edit('vm_cluster_ips:\n', 'vm_cluster_ips:\n  - name: aura\n    ip: 172.17.2.9\n')
    const identities = await stage.host.must(IDENTITIES.replaceAll(/xargs stat.*; done/g, 'grep -v aura | xargs stat -c "%i %W %n"; done'))
    assertExit(await stage.farm.provision(), 0)
    assert.equal(await stage.host.must(IDENTITIES.replaceAll(/xargs stat.*; done/g, 'grep -v aura | xargs stat -c "%i %W %n"; done')), identities)
    assert.equal((await stage.farm.ssh('aura', 'hostname')).stdout.trim(), 'aura')
    assertExit(await stage.farm.ssh('aura', 'ping -c 1 -W 10 boreas'), 0)
  })

  test('unprovision gives everything back: the host is what it was before', async () => {
    const run = await stage.farm.unprovision()
    assertExit(run, 0)
    assert.ok(eventsOf(run, 'change').length > 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })

  test('a second unprovision finds nothing to do', async () => {
    const run = await stage.farm.unprovision()
    assertExit(run, 0)
    assert.deepEqual(eventsOf(run, 'change'), [])
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })

  test('asked to, unprovision removes the cached image too', async () => {
    assertExit(await stage.farm.unprovision('-e', 'vm_purge_image_cache=true'), 0)
    await assertAsBefore(stage.host, stage.bare)
  })
})
