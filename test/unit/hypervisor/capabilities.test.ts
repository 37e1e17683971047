import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TaskError } from '../../../src/errors.ts'
import { bindHost, connect } from '../../../src/host/index.ts'
import { domainSupport, learnCapabilities, probeCapabilities, type Capabilities } from '../../../src/hypervisor/index.ts'
import { readGuests } from '../../../src/hypervisor/capabilities-parse.ts'
import { packaged } from '../../../src/paths.ts'
import { captured, HOSTS, POOL } from './captured.ts'

const archs = ({ guests }: Capabilities): string[] => guests.map(({ arch }) => arch)

test('a host tells its architectures, with emulators, machine types and their newest versions', () => {
  const debian = captured('debian-foreign')
  assert.deepEqual(archs(debian), ['armv6l', 'armv7l', 'aarch64', 'i686', 'ppc', 'ppc64', 'ppc64le', 'x86_64'])
  const x86 = debian.guests.find(({ arch }) => arch === 'x86_64')
  assert.equal(x86?.emulator, '/usr/bin/qemu-system-x86_64')
  assert.deepEqual(x86?.machines.find(({ name }) => name === 'q35'), { name: 'q35', canonical: 'pc-q35-7.2', maxCpus: 288 })
  assert.equal(debian.arch, 'x86_64')
  assert.equal(debian.free[POOL], 80 * 2 ** 30)
})

test('a host with a single guest is read as well as one with twenty', () => {
  assert.deepEqual(archs(captured('s390x-alone')), ['s390x'])
  assert.equal(archs(captured('debian-every')).length, 20)
})

test('a host without emulators has no guests, and is no failure', () => {
  assert.deepEqual(readGuests('<capabilities>\n\n  <host>\n    <cpu>\n      <arch>x86_64</arch>\n    </cpu>\n  </host>\n\n</capabilities>'), [])
})

test('a /dev/kvm on a CPU without vmx and svm does not count, although libvirt reports kvm', () => {
  const debian = captured('debian-x86')
  assert.ok(debian.guests.some(({ virtTypes }) => virtTypes.some(({ type }) => type === 'kvm')))
  assert.match(debian.kvmObstacle?.why ?? '', /neither vmx nor svm/)
  assert.equal(captured('fedora').kvmObstacle, undefined)
  assert.equal(captured('raspberry').kvmObstacle, undefined)
})

test('a domain type with an emulator and machine types of its own keeps them', () => {
  const arm = captured('raspberry').guests.find(({ arch }) => arch === 'armv7l')
  assert.equal(arm?.emulator, '/usr/bin/qemu-system-arm')
  const kvm = arm?.virtTypes.find(({ type }) => type === 'kvm')
  assert.equal(kvm?.emulator, '/usr/bin/qemu-system-aarch64')
  assert.deepEqual(kvm?.machines?.map(({ name }) => name), ['virt-7.2', 'virt'])
})

test('UEFI is there where libvirt finds it for that architecture, whatever firmware files it lists', () => {
  const debian = captured('debian-foreign')
  const efi = (arch: string, machine: string): boolean | undefined => domainSupport(debian, { arch, machine, virtType: 'qemu' })?.efi
  assert.equal(efi('aarch64', 'virt'), true)
  assert.equal(efi('x86_64', 'q35'), false)
})

test('CPU models are told apart by whether they work there', () => {
  const domain = domainSupport(captured('debian-foreign'), { arch: 'x86_64', machine: 'pc-q35-7.2', virtType: 'qemu' })
  assert.ok(domain?.cpuModels.includes('Nehalem'))
  assert.ok(domain?.unusableModels.includes('Haswell'))
})

test('capabilities are plain data: stored and read again they are the same', () => {
  for (const host of HOSTS) assert.deepEqual(JSON.parse(JSON.stringify(captured(host))), captured(host))
})

/** A host whose `virsh` answers as told; what else it has is this machine's. */
const dir = mkdtempSync(join(tmpdir(), 'farm-capabilities-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const documents = packaged('test', 'unit', 'hypervisor', 'captured', 'debian-x86')

async function withVirsh<T>(script: string, work: (host: ReturnType<typeof bindHost>, calls: () => Promise<number>) => Promise<T>): Promise<T> {
  const bin = mkdtempSync(join(dir, 'bin-'))
  writeFileSync(join(bin, 'virsh'), `#!/bin/sh\necho x >> ${bin}/calls\n${script}\n`)
  chmodSync(join(bin, 'virsh'), 0o755)
  await using connection = await connect({ name: 'anemoi', connection: 'local' })
  const silent = { check: true, changed: () => undefined, output: () => undefined }
  const host = bindHost(connection, { name: 'anemoi', recorder: silent })
  const path = process.env['PATH']
  process.env['PATH'] = `${bin}:${path ?? ''}`
  try {
    return await work(host, async () => Number((await host.query`wc -l <${bin}/calls`).stdout))
  } finally {
    process.env['PATH'] = path
  }
}

/** virsh's batch mode, as far as farm uses it: `virsh -q -c URI 'one; echo marker; two; …'`. */
const BATCH = `
[ "$1" = --version ] && { echo 9.0.0; exit; }
shift 3
echo "$1" | sed 's/; /\\n/g' | tr -d "'" | while read -r command rest; do
  case $command in
    echo) echo "$rest" ;;
    capabilities) cat ${documents}/capabilities.xml ;;
    domcapabilities) case $rest in *'x86_64 --machine q35 --virttype qemu'*) cat ${documents}/q35.x86_64.qemu.xml ;; *) echo "error: no emulator" >&2 ;; esac ;;
  esac
done`

test('all of libvirt is asked by one virsh', async () => {
  await withVirsh(BATCH, async (host, calls) => {
    const found = await probeCapabilities(host, 'qemu:///system', { paths: [dir] })
    assert.deepEqual(archs(found), ['i686', 'x86_64'])
    assert.deepEqual(found.domains.map(({ arch, machine, virtType }) => `${arch} ${machine} ${virtType}`), ['x86_64 q35 qemu'])
    assert.ok((found.free[dir] ?? 0) > 0)
    assert.equal(await calls(), 1)
    const question = { arch: 'x86_64', machine: 'q35', virtType: 'qemu' } as const
    mkdirSync(join(dir, 'firmware'))
    const more = await learnCapabilities(host, 'qemu:///system', found, { domains: [question, { arch: 's390x', machine: 'x', virtType: 'qemu' }], files: [join(dir, 'firmware'), '/nowhere'] })
    assert.deepEqual(more.files, { [join(dir, 'firmware')]: true, '/nowhere': false })
    assert.equal(await calls(), 1, 'what is known, and what has no emulator, is not asked again')
  })
})

const broken: [string, string, RegExp][] = [
  ['whose libvirt does not answer', 'echo "error: failed to connect to the hypervisor" >&2; echo "error: no such file" >&2; exit 1', /libvirt does not answer: failed to connect/],
  ['that answers with something else', BATCH.replaceAll(`${documents}/capabilities.xml`, '/etc/hostname'), /cannot be read/],
  ['that answers with half a document', BATCH.replace('cat ', 'head -c 500 '), /cannot be read/],
]
for (const [what, script, message] of broken) {
  test(`a host ${what} is a failure of its own, in one sentence`, async () => {
    await withVirsh(script, (host) => assert.rejects(probeCapabilities(host, 'qemu:///system'), (error) => error instanceof TaskError && message.test(error.message) && !error.message.includes('\n')))
  })
}
