import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { checkSteps } from '../../../../src/image/index.ts'
import { definitionHash, type MachineDefinition } from '../../../../src/machine/definitions/index.ts'
import { everything, facts, refusal, resolve } from './fixture.ts'

const TARGETS = ['amd64', 'arm64', 'ppc64', 'riscv64', 's390x']
const args = ({ image }: MachineDefinition): [string, unknown][] => image.map((step) => [step.step, step.args])

test('debian_12 on arm64 is the machine of the example: a foreign board with UEFI, a cloud image by checksum, SSH behind a forwarded port', async () => {
  const machine = await resolve('debian_12/arm64', [])
  const { files, image, ...rest } = machine
  assert.deepEqual(rest, {
    name: 'debian_12_arm64', hostname: 'debian-12-arm64', platform: 'debian_12', target: 'arm64', arch: 'aarch64', virtType: 'auto', emulator: undefined, machineType: 'virt',
    cpu: { kvm: 'host-passthrough', qemu: 'cortex-a57' }, vcpus: 2, memory: 1024, firmware: { kind: 'efi' }, cmdline: undefined,
    disks: [{ device: 'vda', format: 'qcow2', size: 10 * 2 ** 30, bus: 'virtio', readonly: false, snapshot: true, file: undefined }],
    interfaces: [{ type: 'user', source: undefined, mac: undefined, ip: undefined, prefix: undefined, gateway: undefined, forwards: [{ protocol: 'tcp', address: '127.0.0.1', host: undefined, guest: 22 }], model: 'virtio' }],
    login: { user: 'root', key: undefined }, bootTimeout: undefined, shutdownTimeout: 60, snapshotType: 'auto', template: 'domain', extra: {},
  })
  const base = 'https://cloud.debian.org/images/cloud/bookworm/latest'
  assert.deepEqual(args(machine), [['fetch', { url: `${base}/debian-12-generic-arm64.qcow2`, checksum_url: `${base}/SHA512SUMS` }], ['seed', { reader: 'cloud-init' }]])
  assert.deepEqual(files.map((file) => file.split('/').slice(-2).join('/')), ['targets/arm64.yaml', 'platforms/defaults.yaml', 'platforms/debian.yaml', 'platforms/debian_12.yaml'])
})

test("every target names an architecture that libvirt knows, and a machine type and a CPU that QEMU has", async (t) => {
  const emulators: Readonly<Record<string, string>> = { x86_64: 'x86_64', aarch64: 'aarch64', ppc64le: 'ppc64', riscv64: 'riscv64', s390x: 's390x' }
  for (const target of TARGETS) {
    const { arch, machineType, cpu } = await resolve(`debian_13/${target}`, [])
    const emulator = `qemu-system-${emulators[arch]}`
    const machines = spawnSync(emulator, ['-machine', 'help'], { encoding: 'utf8' })
    if (machines.error) {
      t.diagnostic(`${emulator} is not installed`)
      continue
    }
    assert.match(machines.stdout, new RegExp(`^${machineType} `, 'm'), target)
    if (cpu.qemu === undefined) continue
    assert.match(spawnSync(emulator, ['-cpu', 'help'], { encoding: 'utf8' }).stdout, new RegExp(`\\b${cpu.qemu}\\b`, 'i'), target)
  }
})

test('image_source=build builds for every architecture of the release, and such images need no firmware of their own', async () => {
  const archs = { amd64: 'amd64', arm64: 'arm64', ppc64: 'ppc64el', riscv64: 'riscv64', s390x: 's390x' }
  for (const [target, arch] of Object.entries(archs)) {
    const machine = await resolve(`debian_13/${target}`, [], { variables: { image_source: 'build', debian_mirror: 'http://mirror.example/debian' } })
    assert.deepEqual(args(machine), [['build', { suite: 'trixie', arch, packages: [], mirror: 'http://mirror.example/debian' }], ['seed', { reader: 'farm' }]])
    assert.deepEqual(machine.firmware, { kind: 'default' })
  }
})

test('left alone, an image is downloaded where Debian publishes one and built where it does not', async () => {
  const first = async (pair: string): Promise<string | undefined> => (await resolve(pair, [])).image[0]?.step
  assert.equal(await first('debian_12/amd64'), 'fetch')
  assert.equal(await first('debian_12/ppc64'), 'fetch')
  assert.equal(await first('debian_12/s390x'), 'build')
  assert.equal(await first('debian_13/riscv64'), 'fetch')
})

test('image_source=download says where Debian publishes no image', async () => {
  const error = await refusal(resolve('debian_12/s390x', [], { variables: { image_source: 'download' } }))
  assert.match(error.message, /debian_12 on s390x: Debian publishes no cloud image of 12 \(bookworm\) for s390x/)
  assert.match(error.hint ?? '', /build/)
})

test('a release that does not exist for an architecture, a wrong image_source and the bare platform debian are refused in words', async () => {
  assert.match(everything(await refusal(resolve('debian_12/riscv64', []))), /debian_12 on riscv64: Debian 12 \(bookworm\) is known for amd64, arm64, ppc64el, s390x, and not for riscv64[^]*exclude[^]*debian\.yaml:\d+/)
  assert.match((await refusal(resolve('debian_12/amd64', [], { variables: { image_source: 'dwnload' } }))).message, /image_source is dwnload, expected auto, download or build/)
  assert.match(everything(await refusal(resolve('debian/amd64', []))), /needs the parameters codename and version[^]*debian_12/)
})

test('an image of a certain date has the date in its address twice, as Debian publishes it', async () => {
  const machine = await resolve('debian_12/amd64', [], { overrides: { params: { release: '20250703-2162' } } })
  assert.equal(machine.image[0]?.args['url'], 'https://cloud.debian.org/images/cloud/bookworm/20250703-2162/debian-12-generic-amd64-20250703-2162.qcow2')
})

test('what the hypervisor is decides nothing about the shipped machines, so that one definition holds wherever they are placed', async () => {
  for (const target of ['amd64', 'arm64']) {
    const here = await resolve(`debian_12/${target}`, [])
    const there = await resolve(`debian_12/${target}`, [], { facts: { ...facts, name: 'rpi', arch: 'aarch64', cpus: 1, memory: 4000 } })
    assert.equal(definitionHash(here), definitionHash(there))
  }
})

test('the steps of every shipped pipeline exist and have the arguments that they want', async () => {
  for (const target of ['amd64', 'arm64', 'ppc64', 's390x']) {
    for (const image_source of ['auto', 'build']) {
      const { image } = await resolve(`debian_12/${target}`, [], { variables: { image_source } })
      assert.equal((await checkSteps(image, [])).length, image.length)
    }
  }
})
