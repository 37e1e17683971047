import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../../src/errors.ts'
import { machineMark } from '../../../src/hypervisor/ownership.ts'
import { find, findAll, parseXml, type Element } from '../../../src/hypervisor/xml.ts'
import { renderDomainSpec, usedForwards, usedMacs, type DomainSpec } from '../../../src/machine/index.ts'
import { packaged } from '../../../src/paths.ts'
import { machine, machines, nic, passt } from './specs.ts'

const dirs = [packaged('templates')]
const MACHINES = machines('/pool')
const one = (name: string): DomainSpec => MACHINES[name] ?? assert.fail(`there is no machine "${name}"`)

async function render(spec: DomainSpec): Promise<Element> {
  return parseXml(await renderDomainSpec(spec, dirs))
}

/** What QEMU is told beyond libvirt's own elements. */
function qemuArguments(document: Element): string[] {
  return findAll(find(document, 'qemu:commandline'), 'qemu:arg').map(({ attributes }) => attributes['value'] ?? '')
}

for (const [title, spec] of Object.entries({ ...MACHINES, ...passt('/pool') })) {
  test(`${title} is valid by libvirt's own schema`, async () => {
    const document = await renderDomainSpec(spec, dirs)
    const result = spawnSync('virt-xml-validate', ['-', 'domain'], { input: document, encoding: 'utf8' })
    assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n${document}`)
  })

  test(`${title} has all its disks, interfaces and CPUs, a logged console, an agent channel, random numbers and no screen`, async () => {
    const document = await render(spec)
    const devices = find(document, 'devices')
    assert.deepEqual(usedMacs(document).sort(), spec.interfaces.map(({ mac }) => mac).sort())
    assert.deepEqual(usedForwards(document), spec.interfaces.flatMap(({ forwards }) => forwards))
    const disks = findAll(devices, 'disk').map((disk) => ({ file: find(disk, 'source')?.attributes['file'], format: find(disk, 'driver')?.attributes['type'], device: find(disk, 'target')?.attributes['dev'], bus: find(disk, 'target')?.attributes['bus'], readonly: find(disk, 'readonly') !== undefined }))
    assert.deepEqual(disks, spec.disks.map(({ file, format, device, bus, readonly }) => ({ file, format, device, bus, readonly })))
    for (const nic of findAll(devices, 'interface')) {
      const one = spec.interfaces.find(({ mac }) => mac === find(nic, 'mac')?.attributes['address'])
      assert.equal(find(nic, 'model')?.attributes['type'], one?.model)
      assert.equal(find(nic, 'source')?.attributes[one?.type ?? ''], one?.source)
    }
    assert.equal(find(document, 'vcpu')?.text, String(spec.vcpus))
    assert.equal(find(devices, 'serial', 'log')?.attributes['file'], spec.mark.console)
    assert.equal(find(devices, 'channel', 'target')?.attributes['name'], 'org.qemu.guest_agent.0')
    assert.ok(find(devices, 'rng'))
    assert.deepEqual(['graphics', 'video', 'sound'].flatMap((name) => findAll(devices, name)), [])
  })
}

test('values are values: quotes, ampersands and tags in them change no structure', async () => {
  const evil = `a'b"c&d<e>]]>--`
  const spec = machine({
    name: evil, cpu: evil, machineType: evil, emulator: `/${evil}`, kernel: { image: `/${evil}`, initrd: `/${evil}`, cmdline: evil }, firmware: { kind: 'file', loader: `/${evil}`, nvram: `/${evil}` },
    nvram: `/vars${evil}`, disks: [{ device: 'vda', format: 'raw', bus: 'virtio', readonly: false, file: `/${evil}` }], interfaces: [nic({ type: 'bridge', source: evil, forwards: [] }), nic({ type: 'vde', source: evil, forwards: [] })],
  })
  const document = await render({ ...spec, mark: { ...spec.mark, platform: evil, owner: evil, console: evil } })
  const devices = find(document, 'devices')
  assert.equal(find(document, 'name')?.text, evil)
  assert.equal(find(document, 'cpu', 'model')?.text, evil)
  for (const name of ['kernel', 'initrd', 'loader']) assert.equal(find(document, 'os', name)?.text, `/${evil}`)
  assert.equal(find(document, 'os', 'nvram')?.attributes['template'], `/${evil}`)
  assert.equal(find(devices, 'disk', 'source')?.attributes['file'], `/${evil}`)
  assert.equal(find(devices, 'interface', 'source')?.attributes['bridge'], evil)
  assert.equal(qemuArguments(document)[1], `vde,id=farm0,sock=${evil}`)
  assert.equal(machineMark(document)?.platform, evil)
  assert.equal(machineMark(document)?.console, evil)
})

test('what farm writes into the metadata of a machine is read back from it', async () => {
  const { mark } = machine()
  assert.deepEqual(machineMark(await render(machine())), mark)
  const { platform: _, target: __, definition: ___, ...plain } = mark
  const document = await renderDomainSpec(machine({ mark: plain }), dirs)
  assert.deepEqual(machineMark(parseXml(document)), plain)
  assert.doesNotMatch(document, /farm:definition/)
  assert.deepEqual(machineMark(await render(machine({ mark: { ...plain, target: 'amd64' } }))), { ...plain, target: 'amd64' })
})

test('ACPI is on wherever a guest can have it, so that it can be asked to power off', async () => {
  const features = async (name: string): Promise<string[]> => (find(await render(one(name)), 'features')?.children ?? []).map((feature) => feature.name)
  assert.deepEqual(await features('a PC'), ['acpi', 'apic'])
  assert.deepEqual(await features('a PC with KVM'), ['acpi', 'apic'])
  assert.deepEqual(await features('an ARM machine with UEFI'), ['acpi'])
  assert.deepEqual(await features('an ARM machine with firmware by name'), ['acpi'])
  for (const name of ['an ARM machine with a kernel of its own', 'a POWER machine', 'a RISC-V machine', 'an IBM Z machine']) assert.deepEqual(await features(name), [], name)
  assert.deepEqual(await features('an ARM machine with many CPUs'), ['gic'])
})

test('UEFI has a file of variables that is the machine\'s own, and wants no signed boot loader', async () => {
  const os = find(await render(one('an ARM machine with UEFI')), 'os')
  assert.equal(os?.attributes['firmware'], 'efi')
  assert.equal(find(os, 'nvram')?.text, '/pool/debian_12_arm64.nvram')
  assert.deepEqual(findAll(find(os, 'firmware'), 'feature').map(({ attributes }) => attributes), [{ enabled: 'no', name: 'enrolled-keys' }, { enabled: 'no', name: 'secure-boot' }])
  const file = find(await render(one('an ARM machine with firmware by name')), 'os')
  assert.deepEqual(find(file, 'loader')?.attributes, { readonly: 'yes', type: 'pflash' })
  assert.deepEqual(find(file, 'nvram')?.attributes, { template: '/usr/share/AAVMF/AAVMF_VARS.fd' })
  assert.equal(find(find(await render(one('a RISC-V machine with a boot loader')), 'os'), 'loader')?.attributes['type'], 'rom')
})

test('a disk can be left out of snapshots', async () => {
  const disks = findAll(find(await render(one('a PC with a disk that is left out of snapshots')), 'devices'), 'disk')
  assert.deepEqual(disks.map(({ attributes }) => attributes['snapshot']), [undefined, undefined, 'no'])
})

test('each interface that QEMU makes has a name and a place of its own, on channels where there are no slots', async () => {
  const pc = qemuArguments(await render(one('a PC with several interfaces')))
  assert.deepEqual(pc, [
    '-netdev', 'user,id=farm0,hostfwd=tcp:127.0.0.1:4480-:22,hostfwd=udp:0.0.0.0:5353-:53', '-device', 'virtio-net-pci,netdev=farm0,mac=52:54:00:2c:08:e7,addr=0x1e',
    '-netdev', 'vde,id=farm1,sock=vxvde://234.0.0.1', '-device', 'virtio-net-pci,netdev=farm1,mac=52:54:00:00:00:02,addr=0x1c',
    '-netdev', 'user,id=farm2', '-device', 'virtio-net-pci,netdev=farm2,mac=52:54:00:00:00:03,addr=0x1b',
  ])
  assert.deepEqual(qemuArguments(await render(one('a POWER machine'))), pc)
  assert.deepEqual(qemuArguments(await render(one('an IBM Z machine'))).filter((word) => word.startsWith('virtio')), [
    'virtio-net-ccw,netdev=farm0,mac=52:54:00:2c:08:e7,devno=fe.0.f000', 'virtio-net-ccw,netdev=farm1,mac=52:54:00:00:00:02,devno=fe.0.f001', 'virtio-net-ccw,netdev=farm2,mac=52:54:00:00:00:03,devno=fe.0.f002',
  ])
  const old = qemuArguments(await render(machine({ interfaces: [nic({ model: 'e1000e' })] })))
  assert.equal(old[3], 'e1000e,netdev=farm0,mac=52:54:00:2c:08:e7,addr=0x1e')
})

test('a comma in the path of a VDE switch does not end the path', async () => {
  const document = await render(machine({ interfaces: [nic({ type: 'vde', source: '/run/a,mac=x', forwards: [] })] }))
  assert.equal(qemuArguments(document)[1], 'vde,id=farm0,sock=/run/a,,mac=x')
})

test('whatever a VDE switch is called, QEMU reads its name back', async () => {
  await fc.assert(fc.asyncProperty(fc.string({ minLength: 1, unit: 'grapheme-ascii' }).filter((text) => text.trim() === text), async (source) => {
    const word = qemuArguments(await render(machine({ interfaces: [nic({ type: 'vde', source, forwards: [] })] })))[1] ?? ''
    const before = 'vde,id=farm0,sock='
    assert.ok(word.startsWith(before))
    // QEMU's own rule: two commas are one, and a single one ends the value.
    const value = /^(?:[^,]|,,)*/.exec(word.slice(before.length))?.[0] ?? ''
    assert.equal(value.replaceAll(',,', ','), source)
    assert.equal(before.length + value.length, word.length)
  }), { numRuns: 50 })
})

test('with passt, user networking is libvirt\'s own and its ports are forwarded as well', async () => {
  const document = await render(passt('/pool')['a PC with passt'] ?? assert.fail())
  assert.deepEqual(qemuArguments(document).filter((word) => word.startsWith('user')), [])
  const nics = findAll(find(document, 'devices'), 'interface')
  assert.equal(find(nics[0], 'backend')?.attributes['type'], 'passt')
  assert.deepEqual(find(nics[0], 'portForward', 'range')?.attributes, { start: '4480', to: '22' })
})

test('a port forwarded from an IPv6 address is refused where QEMU itself would have to forward it', async () => {
  const interfaces = [nic({ forwards: [{ protocol: 'tcp', address: '::1', host: 4480, guest: 22 }] })]
  await assert.rejects(render(machine({ interfaces })), (error) => error instanceof InputError && /::1/.test(error.message))
  await render(machine({ interfaces, userBackend: 'passt' }))
})

test('more interfaces than there are slots are refused, on channels they are not', async () => {
  const interfaces = Array.from({ length: 14 }, (_, index) => nic({ type: 'vde', source: '/run/switch', mac: `52:54:00:00:00:${String(index + 10)}`, forwards: [] }))
  await assert.rejects(render(machine({ interfaces })), (error) => error instanceof InputError && /at most 13/.test(error.message))
  await render({ ...one('an IBM Z machine'), interfaces })
})

test('a template of one\'s own gets the same data and what the definition adds', async () => {
  const own = mkdtempSync(join(tmpdir(), 'farm-templates-'))
  try {
    writeFileSync(join(own, 'loud.xml.hbs'), "<domain type='{{virtType}}'><name>{{name}}</name><sound>{{extra.sound}}</sound>{{#each disks}}<disk>{{file}}</disk>{{/each}}</domain>")
    const document = parseXml(await renderDomainSpec(machine({ template: 'loud', extra: { sound: 'a & b' } }), [own, ...dirs]))
    assert.equal(find(document, 'sound')?.text, 'a & b')
    assert.equal(findAll(document, 'disk').length, 2)
  } finally {
    rmSync(own, { recursive: true })
  }
})
