import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packaged } from '../../../../src/paths.ts'
import { definitionDir, everything, PLATFORM, refusal, resolve } from './fixture.ts'

test("a definition in ansible_farm's words means what it meant there", async (t) => {
  const dir = await definitionDir(t, {
    'targets/ppc64.yaml': 'virt_domain: "{{ ternary (eq hypervisor.arch \'ppc64le\') \'kvm\' \'qemu\' }}"\nemulator: /usr/bin/qemu-system-ppc64le\narch: ppc64le\ncpu: POWER9\nmachine: pseries\nvcpus: 1\ndefault_bus: pci.0\nmetadata: {target_name: ppc64}\n',
    'platforms/p.yaml': `${PLATFORM}ram: 1536\nmetadata: {name: "{{ platform }}-{{ target }}", hostname: vm, template: virtio, platform_name: p}\nkernel: {params: console=hvc0}\ndisks:\n  - {type: raw, devname: vda}\nnet:\n  type: user\n  source: "hostfwd=tcp:127.0.0.1:8022-:22,hostfwd=udp::5300-:53"\n  ip: localhost\n  mask: 24\n`,
  })
  const machine = await resolve('p/ppc64', [dir])
  assert.deepEqual([machine.name, machine.hostname, machine.template, machine.memory, machine.vcpus, machine.virtType, machine.cmdline], ['p-ppc64', 'vm', 'virtio', 1536, 1, 'qemu', 'console=hvc0'])
  assert.deepEqual(machine.disks.map(({ device, format }) => [device, format]), [['vda', 'raw']])
  assert.deepEqual(machine.interfaces[0]?.forwards, [{ protocol: 'tcp', address: '127.0.0.1', host: 8022, guest: 22 }, { protocol: 'udp', address: '127.0.0.1', host: 5300, guest: 53 }])
  assert.equal(machine.interfaces[0]?.source, undefined)
})

test('an old name in a later file overrides the new name in an earlier one', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}ram: 333\n` })
  assert.equal((await resolve('p/amd64', [dir])).memory, 333)
  assert.equal((await resolve('p/amd64', [dir], { overrides: { memory: 444 } })).memory, 444)
})

test('what has no counterpart is refused with what to write instead, and a mistake in an old name is found at its line', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': `${PLATFORM}metadata:\n  auth: {user: user}\n  sources: []\n  connection: qemu:///session\n  colour: red\nram: lots\nkernel: {src: vmlinuz}\n`, 'platforms/twice.yaml': `${PLATFORM}ram: 512\nmemory: 512\n` })
  const text = everything(await refusal(resolve('p/amd64', [dir])))
  assert.match(text, /metadata\.auth means nothing to farm \(.*p\.yaml:5.*\); farm logs in with a key/)
  assert.match(text, /metadata\.sources means nothing.*image: a list of steps/)
  assert.match(text, /metadata\.connection means nothing.*libvirt_uri/)
  assert.match(text, /kernel\.src means nothing/)
  assert.match(text, /metadata is not known here/)
  assert.match(text, /memory: got text "lots".*p\.yaml:9/)
  assert.match((await refusal(resolve('twice/amd64', [dir]))).message, /ram and memory are two names of one field/)
})

test('an entry of config chooses the template of its domain document, which ansible_farm documents and ignores', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': PLATFORM })
  const { template } = await resolve('p/amd64', [dir, packaged('inventory')], { overrides: { template: 'virtio' } })
  assert.equal(template, 'virtio')
})

test('without a word about logging in it is root who does, with a key of farm\'s own and no password', async (t) => {
  const dir = await definitionDir(t, { 'platforms/p.yaml': PLATFORM })
  assert.deepEqual((await resolve('p/amd64', [dir, packaged('inventory')])).login, { user: 'root', key: undefined })
})

test('the target arm, which ansible_farm ships and which never worked, is refused with the one that is meant', async () => {
  assert.match(everything(await refusal(resolve('debian_12/arm', [packaged('inventory')]))), /there is no target arm [^]*did you mean arm64\?/)
})
