import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesOf, type Removal } from '../../../src/hypervisor/domain-files.ts'
import type { Domain } from '../../../src/hypervisor/domains.ts'
import type { Virsh } from '../../../src/hypervisor/virsh.ts'
import { parseXml } from '../../../src/hypervisor/xml.ts'

const document = parseXml(`<domain><devices>
  <disk><source file='/pool/boreas.s1'/></disk>
  <disk><source file='/pool/boreas.seed.iso'/></disk>
  <disk><source file='/pool/data.qcow2'/></disk>
  <disk><source file='/elsewhere/boreas.extra.qcow2'/></disk>
</devices></domain>`)

const chains: Readonly<Record<string, readonly string[]>> = {
  '/pool/boreas.s1': ['/pool/boreas.s1', '/pool/boreas.qcow2', '/pool/images/key/disk.qcow2'],
}

/** A hypervisor without snapshots whose disks have these chains. */
const virsh = {
  uri: 'qemu:///session',
  ask: (questions: readonly unknown[]) => Promise.resolve(questions.map(() => undefined)),
  host: { name: 'h', query: () => (_pieces: TemplateStringsArray, disk: string) => Promise.resolve({ exitCode: 0, stdout: JSON.stringify((chains[disk] ?? [disk]).map((filename) => ({ filename }))) }) },
} as unknown as Virsh

const files = (removal: Partial<Removal> = {}): Promise<string[]> =>
  filesOf(virsh, { name: 'boreas', uuid: 'u', document, mark: { console: '/log/boreas.log' } } as unknown as Domain, { within: ['/pool', '/log'], shared: ['/pool/images'], usedElsewhere: new Set(), ...removal })

test('a machine\'s overlays, seed and logs go with it', async () => {
  const gone = await files()
  for (const file of ['/pool/boreas.s1', '/pool/boreas.qcow2', '/pool/boreas.seed.iso', '/log/boreas.log', '/log/boreas.log.0']) assert.ok(gone.includes(file), file)
})

test('the base image, a disk of the user\'s, and files elsewhere stay', async () => {
  const gone = await files({ shared: [] })
  for (const file of ['/pool/images/key/disk.qcow2', '/pool/data.qcow2', '/elsewhere/boreas.extra.qcow2']) assert.ok(!gone.includes(file), file)
})

test('a file that another machine uses stays', async () => {
  assert.ok(!(await files({ usedElsewhere: new Set(['/pool/boreas.qcow2']) })).includes('/pool/boreas.qcow2'))
})
