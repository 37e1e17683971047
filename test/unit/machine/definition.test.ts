import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareXml, find, findAll, parseXml } from '../../../src/hypervisor/xml.ts'
import type { HypervisorFacts } from '../../../src/hypervisor/index.ts'
import { machineMark, networkMark } from '../../../src/hypervisor/ownership.ts'
import { clusterVars, planCluster, renderDomain, renderNetwork, type DefinitionInput } from '../../../src/machine/index.ts'
import { packageRoot, packaged } from '../../../src/paths.ts'
import { renderTemplate } from '../../../src/vars/index.ts'

const dirs = [packaged('templates')]

const facts: HypervisorFacts = {
  hostname: 'anemoi', uid: 0, arch: 'x86_64', cpus: 2, memoryTotal: 8000, memoryAvailable: 6000, distribution: ['debian'], codename: 'bookworm',
  init: 'systemd', cpuFlag: 'vmx', kvmDevice: 'usable', kvmClosed: false, programs: new Set(), ipForward: false, vhostNet: true, free: new Map(), addresses: [], interfaces: new Set(), listening: new Set(),
}

function input(vars: Record<string, unknown> = {}, changes: Partial<DefinitionInput> = {}): DefinitionInput {
  const checked = clusterVars.parse({ vm_cluster_vms: ['boreas'], ...vars })
  const plan = planCluster(checked, 'anemoi')
  const [machine] = plan.machines
  assert.ok(machine)
  return {
    machine, cluster: plan.name, network: plan.network, vars: checked, facts, virtType: 'kvm',
    image: { key: 'bookworm-amd64-1', dir: '/cache/1', disk: '/cache/1/disk.qcow2', virtualSize: 2 ** 31, boot: 'disk', seed: 'cloud-init' },
    disk: '/pool/boreas.qcow2', seed: '/pool/boreas.seed.iso', consoleLog: '/var/log/farm/boreas.log', address: machine.ip ?? '127.0.0.1', port: machine.ip === undefined ? 22022 : 22,
    owner: 'alice@laptop', created: '2026-01-02T03:04:05Z', hostKey: 'ssh-ed25519 AAAA boreas', seedHash: '0011', ...changes,
  }
}

function validate(kind: string, document: string): void {
  const result = spawnSync('virt-xml-validate', ['-', kind], { input: document, encoding: 'utf8' })
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n${document}`)
}

const kernel = { key: 'k', dir: '/cache/2', disk: '/cache/2/disk.qcow2', kernel: '/cache/2/vmlinuz', initrd: '/cache/2/initrd.img', cmdline: 'root=/dev/vda console=ttyS0', virtualSize: 2 ** 31, boot: 'kernel', seed: 'farm' } as const
const variants: [string, Record<string, unknown>, Partial<DefinitionInput>][] = [
  ['with KVM on a network', {}, {}],
  ['emulated, with a kernel of its own', {}, { virtType: 'qemu', image: kernel }],
  ['with user networking', { vm_network_mode: 'user' }, { virtType: 'qemu' }],
  ['with a CPU model by name', { vm_cpu_model: 'Nehalem' }, {}],
  ['on arm64', {}, { facts: { ...facts, arch: 'aarch64' } }],
  ['on ppc64le, emulated', {}, { facts: { ...facts, arch: 'ppc64le' }, virtType: 'qemu' }],
]
for (const [title, vars, changes] of variants) {
  test(`a machine ${title} is valid by libvirt's own schema`, async () => {
    validate('domain', await renderDomain(input(vars, changes), dirs))
  })
}

const before: Readonly<Record<string, Parameters<typeof input>>> = {
  'kvm-network': [],
  'emulated-kernel': [{}, { virtType: 'qemu', image: kernel }],
  user: [{ vm_network_mode: 'user' }, { virtType: 'qemu' }],
  'cpu-model': [{ vm_cpu_model: 'Nehalem' }],
  arm64: [{}, { facts: { ...facts, arch: 'aarch64' } }],
  ppc64le: [{ vm_network_mode: 'user' }, { facts: { ...facts, arch: 'ppc64le' }, virtType: 'qemu' }],
}
for (const [name, changed] of Object.entries(before)) {
  test(`a cluster's machine that was made before test farms were (${name}) is not seen as changed`, async () => {
    const made = parseXml(readFileSync(join(packageRoot, 'test/unit/machine/documents', `cluster-${name}.xml`), 'utf8'))
    const wanted = parseXml(await renderDomain(input(...changed), dirs))
    assert.equal(compareXml(made, wanted), undefined)
    assert.equal(compareXml(wanted, made), undefined, 'and nothing that it had is missing now')
  })
}

test('an ARM machine with a kernel of its own asks for no ACPI, which libvirt would refuse without UEFI', async () => {
  const document = parseXml(await renderDomain(input({}, { facts: { ...facts, arch: 'aarch64' }, image: kernel }), dirs))
  assert.equal(find(document, 'features'), undefined)
})

test('values are values: quotes, ampersands and tags in them change no structure', async () => {
  const evil = `a'b"c&d<e>]]>--`
  const document = parseXml(await renderDomain(input({ vm_kernel_cmdline: evil }, { owner: evil, image: kernel }), dirs))
  assert.equal(find(document, 'os', 'cmdline')?.text, evil)
  assert.equal(machineMark(document)?.owner, evil)
})

test('what is written into the metadata is read back from it', async () => {
  const mark = machineMark(parseXml(await renderDomain(input(), dirs)))
  assert.deepEqual(mark, { cluster: 'farm', owner: 'alice@laptop', created: '2026-01-02T03:04:05Z', address: '172.17.2.2', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA boreas', image: 'bookworm-amd64-1', seed: '0011', console: '/var/log/farm/boreas.log' })
})

test('a copy of a machine is not farm\'s, although it has its mark', async () => {
  const document = await renderDomain(input(), dirs)
  assert.ok(machineMark(parseXml(document)))
  const copy = document.replace(/<uuid>[^<]*<\/uuid>/, '<uuid>3f0f6d3a-6f0a-4a3e-9c3c-1d3f0f6d3a6f</uuid>')
  assert.equal(machineMark(parseXml(copy)), undefined)
})

test('a document does not differ from itself', async () => {
  const document = parseXml(await renderDomain(input({ vm_network_mode: 'user' }), dirs))
  assert.equal(compareXml(document, document), undefined)
})

test('a machine has a logged serial console, an agent channel, a random device, and no graphics', async () => {
  const devices = find(parseXml(await renderDomain(input(), dirs)), 'devices')
  assert.equal(find(devices, 'serial', 'log')?.attributes['file'], '/var/log/farm/boreas.log')
  assert.equal(find(devices, 'channel', 'target')?.attributes['name'], 'org.qemu.guest_agent.0')
  assert.ok(find(devices, 'rng'))
  assert.deepEqual([...findAll(devices, 'graphics'), ...findAll(devices, 'video')], [])
})

for (const mode of ['nat', 'route']) {
  test(`a network in mode ${mode} is valid, owned, and gives each machine its address by its MAC`, async () => {
    const vars = clusterVars.parse({ vm_cluster_vms: ['boreas', 'zephyrus'], vm_network_mode: mode, vmhost_iface_name: 'eno1', vm_domain: 'lab.test' })
    const plan = planCluster(vars, 'anemoi')
    assert.ok(plan.network)
    const document = await renderNetwork(plan.network, plan.machines, plan.name, 'alice@laptop', dirs)
    validate('network', document)
    assert.deepEqual(networkMark(parseXml(document)), { cluster: 'farm', owner: 'alice@laptop' })
    const hosts = findAll(find(parseXml(document), 'ip', 'dhcp'), 'host').map(({ attributes }) => attributes)
    assert.deepEqual(hosts, plan.machines.map(({ mac, name, ip }) => ({ mac, name, ip })))
  })
}

test('pool and volume documents are valid', async () => {
  const uuid = '3f0f6d3a-6f0a-5a3e-9c3c-1d3f0f6d3a6f'
  validate('storagepool', (await renderTemplate('pool.xml', { name: 'p', uuid, path: '/pool & co', ownedByRoot: true }, { dirs })).text)
  validate('storagevol', (await renderTemplate('volume.xml', { name: 'v.qcow2', size: 2 ** 31, base: '/cache/1/disk.qcow2' }, { dirs })).text)
})
