import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CHECKOUT, finished, start, type Footprint, type Result } from '../lab/index.ts'
import { DISK, RELEASE_PATH } from '../lab/images.ts'
import { assertAsBefore, assertExit, CACHE } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

/** farm's own keys and state of the user who runs it are no trace on the hypervisor, though here both are one. */
const OWN = [...CACHE, '/root/.local', '/root/.ssh', '/root/project', '/root/.cache']

describe('farm on the hypervisor itself, with user-mode networking', () => {
  let stage: Stage
  let bare: Footprint

  before(async () => {
    stage = await setStage({ image: 'guest' })
    const base = `${stage.http.url}${RELEASE_PATH}`
    mkdirSync(stage.host.path('/root/project/host_vars'), { recursive: true })
    writeFileSync(stage.host.path('/root/project/hosts.ini'), '[vmhost]\nlocalhost ansible_connection=local\n')
    writeFileSync(
      stage.host.path('/root/project/host_vars/localhost.yml'),
      `vmhost_cluster_name: winds\nvm_cluster_vms: [aura, kaikias]\nvm_network_mode: user\nvm_mem: 384\nvm_diskspace: 3G\nvm_boot_timeout: 240
vm_download_url: ${base}/${DISK}\nvm_img_checksum_url: ${base}/SHA512SUMS\nvm_kernel_name: vmlinuz\nvm_initrd_name: initrd.img\n`,
    )
    bare = await stage.host.footprint()
  })
  after(async () => stage?.[Symbol.asyncDispose]())

  function farm(...args: string[]): Promise<Result> {
    const argv = stage.host.enter('cd /root/project && exec "$0" "$@"')
    const whole = [...argv, process.execPath, join(CHECKOUT, 'bin/farm'), ...args]
    const child = start(whole, { env: stage.lab.env({ HOME: '/root' }) })
    return finished(child, whole, { timeout: 300_000 })
  }

  test('one command makes machines that can be logged in to, without a bridge, a rule or a forwarded packet', async () => {
    assertExit(await farm('run', 'provision-cluster', '-i', 'hosts.ini'), 0)
    for (const name of ['aura', 'kaikias']) {
      const result = await farm('ssh', '-i', 'hosts.ini', name, 'hostname')
      assert.equal(result.stdout.trim(), name, result.stderr)
    }
    const now = await stage.host.footprint()
    const touched = [...now.keys()].filter((fact) => /^(network|rule|interface|sysctl|route) /.test(fact) && !bare.has(fact))
    assert.deepEqual(touched, [])
    const listening = await stage.host.must('ss -Hltn')
    const open = listening.trim().split('\n').map((line) => line.split(/\s+/)[3] ?? '')
    assert.equal(open.filter((address) => address.startsWith('127.0.0.1:')).length, 2)
    assert.deepEqual(open.filter((address) => !address.startsWith('127.0.0.1:') && !address.endsWith(':22')), [], 'SSH is forwarded from 127.0.0.1 alone')
  })

  test('its plain output tells how to log in', async () => {
    const run = await farm('run', 'provision-cluster', '-i', 'hosts.ini')
    assertExit(run, 0)
    assert.match(run.stdout, /farm ssh -i hosts\.ini aura/)
  })

  test('unprovision gives everything back', async () => {
    assertExit(await farm('run', 'unprovision-cluster', '-i', 'hosts.ini', '--yes'), 0)
    await assertAsBefore(stage.host, bare, OWN)
  })
})
