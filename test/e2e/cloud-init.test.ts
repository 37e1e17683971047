import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../lab/index.ts'
import { assertAsBefore, assertExit, CACHE, eventsOf } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

describe('an image whose guests know cloud-init and nothing of farm', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'cloud', machines: ['boreas'], vars: { vm_image_seed: 'cloud-init', vm_domain: 'winds.test' } })))
  after(async () => stage?.[Symbol.asyncDispose]())

  const inGuest = (command: string): Promise<string> => stage.farm.inGuest('boreas', command)

  test('the seed gives it its name, its address, the key of the user and the host key that farm knows', async () => {
    // farm logs in by the key and only past the host key of the seed: that it ends well says so for both.
    const run = await stage.farm.provision()
    assertExit(run, 0)
    assert.equal(eventsOf(run, 'rung').at(-1)?.rung, 'login')
    // cloud-init goes on after the first login, and restarts sshd on its way.
    const passed = 'until grep -q "config-set-passwords ran" /var/log/cloud-init.log; do sleep 1; done'
    await until('cloud-init has restarted sshd', async () => ((await stage.farm.ssh('boreas', passed)).code === 0 ? true : undefined), 120_000)
    assert.equal(await inGuest('hostname; hostname -f; ls /etc/ssh/ssh_host_*'), 'boreas\nboreas.winds.test\n/etc/ssh/ssh_host_ed25519_key\n/etc/ssh/ssh_host_ed25519_key.pub')
    assert.match(await inGuest('ip -4 -o addr show scope global'), /172\.17\.2\.2\//)
    assert.equal(await inGuest('cat /root/.ssh/authorized_keys'), readFileSync(join(stage.lab.home, '.ssh/anemoi_rsa.pub'), 'utf8').trim())
  })

  test('it trusts the CA certificate of the project', async () => {
    const pem = readFileSync(join(stage.lab.home, 'ca.crt'), 'utf8')
    assert.match(await inGuest(`printf '%s' '${pem}' > /tmp/ca.crt; openssl verify /tmp/ca.crt 2>&1 || true`), /^\/tmp\/ca\.crt: OK$/m)
  })

  test('it was cloud-init that read the seed', async () => {
    assert.equal(await inGuest('ls /usr/lib/farm/seed /var/lib/farm/instance-id 2>/dev/null || true'), '')
    assert.equal(await inGuest('cat /run/cloud-init/cloud-id'), 'nocloud')
    const log = await inGuest('grep -E "Loaded datasource|ran successfully" /var/log/cloud-init.log')
    assert.match(log, /DataSourceNoCloud \[seed=\/dev\/vdb\]/)
    // Those that the seed speaks to, all before sshd starts; the image is too small for some of the later ones.
    for (const part of ['set_hostname', 'update_etc_hosts', 'ca-certs', 'users-groups', 'ssh']) assert.match(log, new RegExp(`SUCCESS: config-${part} ran successfully`))
  })

  test('unprovision gives everything back', async () => {
    assertExit(await stage.farm.unprovision(), 0)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })
})
