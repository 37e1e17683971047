/** The image that farm builds, started by bare QEMU with a seed: no libvirt, no network but QEMU's own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bindHost, connect, generateKeyPair } from '../../src/host/index.ts'
import { ensureImage, seedIso } from '../../src/image/index.ts'
import { certificate } from '../unit/image/certificate.ts'

const cacheDir = process.env['FARM_TEST_CACHE'] ?? '/var/tmp/farm-test-cache'
const recorder = { check: false, changed: () => undefined, output: () => undefined }

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('a built image takes its identity from the seed and can be logged in to with verified keys', { timeout: 600_000 }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'farm-boot-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const local = await connect({ name: 'localhost', connection: 'local' })
  t.after(() => local.close())
  const host = bindHost(local, { recorder })

  const image = await ensureImage(host, { kind: 'build', suite: 'bookworm', arch: 'amd64', packages: [] }, { cacheDir, progress: () => undefined })
  assert.equal(image.boot, 'kernel')

  const hostKey = generateKeyPair('boreas')
  const user = generateKeyPair('user')
  const identity = join(dir, 'id')
  await writeFile(identity, user.privateKey, { mode: 0o600 })
  const ca = await certificate('Farm Test Root')
  await writeFile(join(dir, 'seed.iso'), await seedIso({
    instanceId: 'first',
    hostname: 'boreas',
    fqdn: 'boreas.farm.test',
    authorizedKeys: [user.publicKey],
    hostKey,
    caCertificates: [{ name: 'domain', pem: ca }],
    packages: [],
    nameservers: ['10.0.2.3'],
    searchDomain: 'farm.test',
  }))
  await host.$`qemu-img create -q -f qcow2 -F qcow2 -b ${image.disk} ${join(dir, 'disk.qcow2')} 6G`

  const port = await freePort()
  const started = performance.now()
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1)
  const qemu = spawn('qemu-system-x86_64', [
    '-accel', 'tcg', '-machine', 'q35', '-cpu', 'Nehalem', '-m', '512', '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio',
    '-kernel', image.kernel ?? '', '-initrd', image.initrd ?? '', '-append', image.cmdline ?? '',
    '-drive', `if=virtio,file=${join(dir, 'disk.qcow2')},format=qcow2`, '-drive', `if=virtio,file=${join(dir, 'seed.iso')},format=raw,readonly=on`,
    '-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:22`, '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci',
  ])
  let console = ''
  let complaint = ''
  const ended = new Promise<void>((resolve) => qemu.once('exit', () => resolve()))
  t.after(async () => {
    qemu.kill('SIGKILL')
    await ended
  })
  qemu.stderr.on('data', (data: Buffer) => (complaint += data.toString()))
  await new Promise<void>((resolve, reject) => {
    qemu.stdout.on('data', (data: Buffer) => {
      console += data.toString()
      if (console.includes('farm: ready')) resolve()
    })
    void ended.then(() => reject(new Error(`QEMU ended: ${complaint}\n${console.slice(-2000)}`)))
    t.signal.addEventListener('abort', () => reject(new Error(`the guest did not become ready:\n${console.slice(-2000)}`)), { once: true })
  })
  t.diagnostic(`ready after ${seconds()} s`)

  const guest = await connect({ name: 'boreas', connection: 'ssh', address: '127.0.0.1', port, user: 'root', identityFiles: [identity], hostKeys: [hostKey.publicKey], timeout: 60 })
  t.after(() => guest.close())
  const $ = bindHost(guest, { recorder }).query
  await $`true`
  t.diagnostic(`logged in after ${seconds()} s`)

  const text = async (command: PromiseLike<{ stdout: string }>): Promise<string> => (await command).stdout.trim()
  assert.equal(await text($`hostname`), 'boreas')
  assert.equal(await text($`hostname -f`), 'boreas.farm.test')
  assert.equal(await text($`cat /etc/resolv.conf`), 'search farm.test\nnameserver 10.0.2.3')
  assert.ok(Number(await text($`df -k --output=size / | tail -n 1`)) > 5 * 2 ** 20, 'the root file system fills the disk')
  assert.ok((await text($`cat /etc/ssl/certs/ca-certificates.crt`)).includes(ca.trim()), 'the certificate is trusted')
  assert.equal(await text($`ls /etc/ssh | grep -c ssh_host`), '2')
  assert.match(await text($`getent shadow root`), /^root:[!*]/)
  assert.match(await text($`cat /etc/machine-id`), /^[0-9a-f]{32}$/)
  assert.equal(await text($`systemctl --failed --plain --no-legend`), '')
  assert.match(await text($`ip -4 -o address show dev eth0`), /10\.0\.2\.15/)

  // Not waited for: the connection goes with the guest.
  guest.spawn('systemctl poweroff').on('error', () => undefined)
  await ended
  t.diagnostic(`off after ${seconds()} s`)
})
