import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { definitionHash, hostnameOf, resolveDefinition, type MachineDefinition } from '../../../../src/machine/definitions/index.ts'
import { completeDefinition } from '../../../../src/machine/definitions/complete.ts'
import type { Problem } from '../../../../src/machine/definitions/problems.ts'
import { definitionDir, everything, facts, PLATFORM, refusal, resolve } from './fixture.ts'

const BASIC = { arch: 'x86_64', machine: 'q35', memory: 512, image: [{ seed: {} }] }

function complete(fields: Record<string, unknown>): { definition: MachineDefinition | undefined; said: string } {
  const problems: Problem[] = []
  const definition = completeDefinition({ ...BASIC, ...fields }, { platform: 'p', target: 't', files: [] }, () => undefined, problems)
  return { definition, said: problems.map(({ text, hint }) => `${text} | ${hint ?? ''}`).join('\n') }
}
function made(fields: Record<string, unknown>): MachineDefinition {
  const { definition, said } = complete(fields)
  assert.equal(said, '')
  assert.ok(definition)
  return definition
}
const said = (fields: Record<string, unknown>): string => complete(fields).said

test('all mistakes of a definition are said at once, each with the line of the file that made it', async (t) => {
  const dir = await definitionDir(t, { 'targets/t.yaml': 'arch: arm\nmachine: virt\n', 'platforms/p.yaml': `${PLATFORM}memmory: 3\nvcpus: many\ndisks:\n  - {size: 1G}\n  - {device: vda, size: huge}\n` })
  const error = await refusal(resolve('p/t', [dir]))
  assert.equal(error.code, 'definition')
  assert.equal(error.message, 'the definition of p on t is not usable: 4 mistakes')
  const text = everything(error)
  assert.match(text, /memmory is not known here \(.*p\.yaml:4:1\); did you mean memory\?/)
  assert.match(text, /arch: got text "arm", expected libvirt's name of an architecture: x86_64.*\(.*t\.yaml:1/)
  assert.match(text, /vcpus: got text "many", expected integer \(.*p\.yaml:5/)
  assert.match(text, /disks\[1\]\.size: got text "huge", expected a size such as 10G.*p\.yaml:8/)
})

test('a mistake in an entry of config or in the variable vm is said with its place', async () => {
  assert.match(everything(await refusal(resolve('debian_12/amd64', [], { overrides: { memory: 'lots' } }))), /memory: got text "lots"[^]*inventory\.yaml:7/)
  const error = await refusal(resolveDefinition({ platform: 'debian_12', target: 'amd64', overrides: {} }, { dirs: [], facts, importModule: () => Promise.resolve({}), override: { vcpu: 2 }, overrideLocation: { file: 'host_vars/x.yml', line: 3 } }))
  assert.match(everything(error), /vcpu is not known here[^]*did you mean vcpus\?[^]*host_vars\/x\.yml:3/)
})

test('memory is a number of MiB or a size with its unit; text with digits alone is a number', () => {
  for (const [written, mib] of [[2048, 2048], ['2048', 2048], ['2G', 2048], ['512M', 512], ['1.5GiB', 1536]] as const) assert.equal(made({ memory: written }).memory, mib)
  for (const written of ['lots', 0, -1, 8, '1K', 1.5, true]) assert.match(said({ memory: written }), /^memory: got/, String(written))
})

test('the CPU may be one for both ways to run, or one for each', () => {
  assert.deepEqual(made({ cpu: 'max' }).cpu, { kvm: 'max', qemu: 'max' })
  assert.deepEqual(made({ cpu: { qemu: 'cortex-a53' } }).cpu, { kvm: undefined, qemu: 'cortex-a53' })
})

test('firmware is the default, UEFI, a file, or a file with its variables', () => {
  assert.deepEqual(made({ firmware: 'efi' }).firmware, { kind: 'efi' })
  assert.deepEqual(made({ firmware: '/usr/share/AAVMF/AAVMF_CODE.fd' }).firmware, { kind: 'file', loader: '/usr/share/AAVMF/AAVMF_CODE.fd', nvram: undefined })
  assert.deepEqual(made({ firmware: { loader: '/a', nvram: '/b' } }).firmware, { kind: 'file', loader: '/a', nvram: '/b' })
  assert.match(said({ firmware: 'uefi' }), /^firmware: got text "uefi"/)
})

test('disks get free names on their bus; files of your own are kept out of snapshots', () => {
  const { disks } = made({ disks: [{}, { size: '1G' }, { device: 'vdb', size: 4096 }, { bus: 'usb', file: '/srv/tools.iso', readonly: true }] })
  assert.deepEqual(disks.map(({ device, bus, format, size, snapshot }) => [device, bus, format, size, snapshot]), [['vda', 'virtio', 'qcow2', undefined, true], ['vdc', 'virtio', 'qcow2', 2 ** 30, true], ['vdb', 'virtio', 'qcow2', 4096, true], ['sda', 'usb', 'raw', undefined, false]])
})

test('disks that cannot be are refused', () => {
  assert.match(said({ disks: [{ device: 'vda' }, { device: 'vda', size: 1 }] }), /vda is the name of two disks/)
  assert.match(said({ disks: [{ device: 'vda', bus: 'scsi' }] }), /vda cannot be on the bus scsi/)
  assert.match(said({ disks: [{}, {}] }), /disks\[1\]: an additional disk needs a size/)
  assert.match(said({ disks: [{ file: '/a.qcow2' }] }), /the first disk is made from the image/)
  assert.match(said({ disks: [{ device: 'hda' }] }), /expected a device as guests name it: vda/)
  assert.match(said({ disks: [] }), /disks: got an empty list, expected at least 1 elements/)
})

test('a machine without a word about networks has one interface, with SSH forwarded to a port that farm chooses', () => {
  const [only, ...rest] = made({}).interfaces
  assert.deepEqual([only?.type, only?.forwards, rest], ['user', [{ protocol: 'tcp', address: '127.0.0.1', host: undefined, guest: 22 }], []])
})

test('forwards are short texts, numbers or maps, and SSH is always among them, once', () => {
  const forwards = made({ net: { forwards: ['8080:80', '127.0.0.2:5353:53/udp', 443, '[::1]:90:9', { host: 2222, guest: 22 }, { guest: 81, protocol: 'udp', address: '0.0.0.0' }] } }).interfaces[0]?.forwards
  assert.deepEqual(forwards?.map(({ address, host, guest, protocol }) => `${address} ${host} ${guest} ${protocol}`), ['127.0.0.1 8080 80 tcp', '127.0.0.2 5353 53 udp', '127.0.0.1 undefined 443 tcp', '::1 90 9 tcp', '127.0.0.1 2222 22 tcp', '0.0.0.0 undefined 81 udp'])
})

test('forwards that are none, that share a port, or that stand at another network are refused', () => {
  for (const wrong of ['80:', 'a:b', '1.2.3:80:80', '70000:80', '80:80/sctp']) assert.match(said({ net: { forwards: [wrong] } }), /is no forward \| write HOST:GUEST/, wrong)
  assert.match(said({ net: { forwards: ['80:80', '0.0.0.0:80:81'] } }), /port 80\/tcp of the hypervisor is forwarded twice/)
  assert.match(said({ net: { forwards: ['0.0.0.0:80:81', '80:80'] } }), /forwarded twice/)
  assert.match(said({ net: { forwards: ['81:22', '82:22'] } }), /only one way to SSH/)
  assert.match(said({ net: { type: 'network', source: 'default', forwards: ['80:80'] } }), /only user networking forwards ports/)
  assert.equal(said({ net: { forwards: ['53:53/udp', '53:53/tcp'] } }), '')
})

test('an address may come with its prefix, beside it, or with a netmask', () => {
  const prefix = (net: object): unknown => made({ net: { type: 'vde', source: 'vxvde://234.0.0.1', ...net } }).interfaces.map(({ ip, prefix: length }) => `${ip}/${length}`).join()
  assert.equal(prefix({ ip: '10.0.0.21/24' }), '10.0.0.21/24')
  assert.equal(prefix({ ip: '10.0.0.21', prefix: 16 }), '10.0.0.21/16')
  assert.equal(prefix({ ip: '10.0.0.21', mask: '24' }), '10.0.0.21/24')
  assert.equal(prefix({ ip: '10.0.0.21', mask: '255.255.255.128' }), '10.0.0.21/25')
  assert.match(said({ net: { type: 'vde', source: 'x', ip: '10.0.0.1/24', prefix: 25 } }), /two different lengths/)
  assert.match(said({ net: { type: 'vde', source: 'x', ip: '10.0.0.1', mask: '255.0.255.0' } }), /no netmask/)
})

test('every network but user needs a source, and one interface has to lead to SSH', () => {
  assert.match(said({ net: { type: 'bridge', ip: '10.0.0.1' } }), /an interface of type bridge needs a source \| the bridge's name/)
  assert.match(said({ net: { type: 'bridge', source: 'br0' } }), /no interface leads to SSH \| give one of them an ip/)
  assert.match(said({ net: { type: 'vde', source: 'vxvde://234.0.0.1' } }), /no interface leads to SSH/)
  assert.match(said({ net: { source: 'br0' } }), /user networking has no source/)
  assert.match(said({ net: { ip: '10.0.0.1' } }), /gets its address from QEMU/)
  assert.equal(said({ net: { type: 'network', source: 'default' } }), '', 'a network may give a lease')
  assert.equal(said({ interfaces: [{}, { type: 'vde', source: 'vxvde://234.0.0.1' }] }), '')
  assert.match(said({ interfaces: [{}, {}] }), /one interface of type user at most/)
})

test('a later file with another kind of network replaces what the earlier said; several interfaces replace the one, and the reverse', async (t) => {
  const dir = await definitionDir(t, { 'platforms/vde.yaml': `${PLATFORM}net: {type: vde, source: "vxvde://234.0.0.1", ip: 10.0.0.21, model: e1000}\n`, 'platforms/several.yaml': `${PLATFORM}interfaces: [{}, {type: network, source: default}]\n`, 'platforms/both.yaml': `${PLATFORM}net: {type: user}\ninterfaces: [{type: user}]\n` })
  const nets = async (overrides: Record<string, unknown>): Promise<unknown> => (await resolve('vde/amd64', [dir], { overrides })).interfaces.map(({ type, ip, model }) => [type, ip, model])
  assert.deepEqual(await nets({ net: { ip: '10.0.0.22' } }), [['vde', '10.0.0.22', 'e1000']])
  assert.deepEqual(await nets({ net: { type: 'user' } }), [['user', undefined, 'virtio']])
  assert.deepEqual(await nets({ interfaces: [{ type: 'user' }, { type: 'network', source: 'default' }] }), [['user', undefined, 'virtio'], ['network', undefined, 'virtio']])
  const one = await resolve('several/amd64', [dir], { overrides: { net: { type: 'network', source: 'lan' } } })
  assert.deepEqual(one.interfaces.map(({ source }) => source), ['lan'])
  assert.match((await refusal(resolve('both/amd64', [dir]))).message, /net and interfaces are two ways to say the same/)
})

test('names that libvirt, files or the command line would take for something else are refused', () => {
  for (const name of ['a/b', '-rf', '123', 'a b', 'VM debian_12_amd64', '', '..', 'all', 'ü', 'x'.repeat(101)]) assert.match(said({ name }), /^name: got/, name)
  for (const name of ['debian_12_amd64', 'Arch-Linux_amd64', '12a', 'a.b+c']) assert.equal(made({ name }).name, name)
  assert.match(said({ hostname: 'a_b' }), /RFC 1123/)
})

test('the host name made of any name is one, and the name is kept readable', () => {
  assert.equal(hostnameOf('debian_12_amd64'), 'debian-12-amd64')
  assert.equal(hostnameOf('Arch-Linux_amd64'), 'arch-linux-amd64')
  fc.assert(fc.property(fc.string(), (name) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(hostnameOf(name))))
})

test("the hash of a definition is the same wherever its files lie and however it is written, and another for another machine", async (t) => {
  const hash = async (text: string, overrides: Record<string, unknown> = {}): Promise<string> => definitionHash(await resolve('p/amd64', [await definitionDir(t, { 'platforms/p.yaml': text })], { overrides }))
  const same = await hash(`${PLATFORM}memory: 512\nvcpus: 1\n`)
  assert.match(same, /^[0-9a-f]{12}$/)
  assert.equal(await hash(`# moved\nvcpus: "1"\nmemory: 512M\n${PLATFORM}`), same)
  assert.equal(await hash(`${PLATFORM}memory: 512\nvcpus: 1\nboot_timeout: 900\nshutdown_timeout: 5\n`), same)
  for (const change of [{ vcpus: 2 }, { disks: [{ size: '11G' }] }, { image: [{ fetch: { url: 'https://example.com/b.qcow2' } }] }, { extra: { a: 1 } }, { name: 'other' }]) assert.notEqual(await hash(`${PLATFORM}memory: 512\nvcpus: 1\n`, change), same)
})
