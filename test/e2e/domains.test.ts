import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { compareXml, find, findAll, parseXml } from '../../src/hypervisor/xml.ts'
import { defaultCpu, renderDomainSpec, type DomainSpec } from '../../src/machine/index.ts'
import { emulatorOf } from '../../src/hypervisor/index.ts'
import { packaged } from '../../src/paths.ts'
import { Lab, until, type LabHost } from '../lab/index.ts'
import { machine, machines } from '../unit/machine/specs.ts'

const DIR = '/var/lib/libvirt/images/documents'

/** Emulators and firmware of PCs and ARM are always there in tests; the others where somebody has installed them. Their documents are checked against libvirt's schema anyway. */
function canRun({ arch, firmware, virtType }: DomainSpec): boolean {
  const needed = [`/usr/bin/${emulatorOf(arch)}`, ...(firmware.kind === 'file' ? [firmware.loader] : []), ...(firmware.kind === 'efi' && arch === 'x86_64' ? ['/usr/share/OVMF/OVMF_CODE_4M.fd'] : [])]
  return virtType === 'qemu' && needed.every((file) => existsSync(file))
}

describe('libvirt takes the document of every machine as it is, and QEMU what libvirt makes of it', () => {
  let lab: Lab
  let host: LabHost

  before(async () => {
    lab = await Lab.create({ hosts: ['anemoi'] })
    host = lab.host('anemoi')
    await host.must(`mkdir ${DIR} && truncate -s 1M ${DIR}/Image ${DIR}/initrd ${DIR}/vmlinuz`)
  })
  after(async () => lab?.[Symbol.asyncDispose]())

  /** Defines it and starts its emulator; the guest itself does not begin to run. */
  async function define(spec: DomainSpec): Promise<{ wanted: ReturnType<typeof parseXml>; actual: ReturnType<typeof parseXml>; nics: string }> {
    const document = await renderDomainSpec(spec, [packaged('templates')])
    for (const { file, format } of spec.disks) await host.must(`qemu-img create -q -f ${format} '${file}' 1M`)
    await host.must('cat | virsh -q define --validate /dev/stdin', { input: document })
    try {
      const actual = parseXml(await host.must(`virsh -q dumpxml --inactive ${spec.uuid}`))
      await host.must(`virsh -q start --paused ${spec.uuid}`)
      const nics = await host.must(`virsh -q qemu-monitor-command ${spec.uuid} --hmp info network`)
      return { wanted: parseXml(document), actual, nics }
    } finally {
      await host.exec(`virsh -q destroy ${spec.uuid}`)
      await host.must(`virsh -q undefine --nvram ${spec.uuid}`)
    }
  }

  for (const [title, spec] of Object.entries(machines(DIR)).filter(([, one]) => canRun(one))) {
    test(`${title}`, async () => {
      const { wanted, actual, nics } = await define(spec)
      assert.equal(compareXml(actual, wanted), undefined, 'a machine that was just made does not differ from what is wanted')
      for (const { mac } of spec.interfaces) assert.match(nics, new RegExp(`macaddr=${mac}`), 'a network card is always there')
      assert.deepEqual(['graphics', 'video', 'sound'].flatMap((name) => findAll(find(actual, 'devices'), name)), [])
    })
  }

  test('PCs and ARM machines were among them', () => {
    const archs = Object.values(machines(DIR)).filter(canRun).map(({ arch }) => arch)
    assert.ok(archs.includes('x86_64') && archs.includes('aarch64'))
  })

  test('an ARM machine with the CPU that farm takes by itself reaches its firmware, whose words stand in the console\'s log', async () => {
    const spec = machine({ name: 'boreas', arch: 'aarch64', machineType: 'virt', cpu: defaultCpu('aarch64', 'qemu'), firmware: { kind: 'efi' }, nvram: `${DIR}/boreas.nvram` }, DIR)
    for (const { file, format } of spec.disks) await host.must(`qemu-img create -q -f ${format} '${file}' 1M`)
    await host.must('cat | virsh -q define --validate /dev/stdin', { input: await renderDomainSpec(spec, [packaged('templates')]) })
    await host.must(`virsh -q start ${spec.uuid}`)
    try {
      await until('UEFI', async () => /UEFI firmware|BdsDxe/.exec((await host.exec(`cat ${spec.mark.console}`)).stdout)?.[0])
    } finally {
      await host.must(`virsh -q destroy ${spec.uuid}; virsh -q undefine --nvram ${spec.uuid}`)
    }
    assert.equal((await host.exec(`test -e ${DIR}/boreas.nvram`)).code, 1, 'the variables go with the machine')
  })
})
