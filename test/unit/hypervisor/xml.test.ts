import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareXml, find, findAll, formatXml, mergeXml, parseXml } from '../../../src/hypervisor/xml.ts'
import { escapeXml } from '../../../src/vars/index.ts'

const libvirts = parseXml(`
<domain type='qemu'>
  <name>boreas</name>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/pool/boreas.qcow2'/><target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <controller type='usb' index='0' model='qemu-xhci'/>
    <interface type='network'><mac address='52:54:00:aa:bb:cc'/><source network='anemoi'/><model type='virtio'/></interface>
  </devices>
</domain>`)

const wanted = (changes: { memory?: string; machine?: string; disk?: string } = {}): string => `
<domain type='qemu'>
  <name>boreas</name>
  <memory unit='MiB'>${changes.memory ?? '2048'}</memory>
  <vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='${changes.machine ?? 'q35'}'>hvm</type><boot dev='hd'/></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${changes.disk ?? '/pool/boreas.qcow2'}'/><target dev='vda' bus='virtio'/></disk>
    <interface type='network'><mac address='52:54:00:aa:bb:cc'/><source network='anemoi'/><model type='virtio'/></interface>
  </devices>
</domain>`

test('what libvirt adds, resolves and writes in other units is no difference', () => {
  assert.equal(compareXml(libvirts, parseXml(wanted())), undefined)
})

test('other memory is a difference that shows both values and nothing else', () => {
  const diff = compareXml(libvirts, parseXml(wanted({ memory: '4096' })))
  assert.ok(diff)
  const before = diff.before.split('\n')
  const changed = diff.after.split('\n').filter((line) => !before.includes(line))
  assert.deepEqual(changed, ["  <memory unit='MiB'>4096</memory>"])
  assert.match(diff.before, /<memory unit='MiB'>2048</)
})

test('another machine type is a difference, a version of the same is not', () => {
  assert.ok(compareXml(libvirts, parseXml(wanted({ machine: 'pc' }))))
  assert.ok(compareXml(libvirts, parseXml(wanted({ machine: 'pc-q35-5.2' }))))
  assert.equal(compareXml(libvirts, parseXml(wanted({ machine: 'pc-q35-7.2' }))), undefined)
})

test('a disk that was taken off is found missing', () => {
  const without = parseXml(formatXml(libvirts).replace(/<disk[\s\S]*?<\/disk>/, ''))
  assert.match(compareXml(without, parseXml(wanted()))?.after ?? '', /boreas\.qcow2/)
})

test('any text survives being written into XML and read again', () => {
  const printable = fc.string({ unit: 'grapheme-ascii' }).map((text) => text.trim())
  fc.assert(fc.property(printable, (text) => {
    const element = parseXml(`<a v='${escapeXml(text)}'><b>${escapeXml(text)}</b></a>`)
    assert.equal(element.attributes['v'], text)
    assert.equal(find(element, 'b')?.text, text)
  }))
})

test('a document that is not well-formed is refused with its line', () => {
  assert.throws(() => parseXml('<a>\n<b></a>'), /not well-formed XML at 2:/)
})

test('a redefinition keeps what somebody else has added, and what libvirt has assigned', () => {
  const extra = formatXml(libvirts).replace('</devices>', "<disk type='file' device='disk'><source file='/data/mine.qcow2'/><target dev='vdx' bus='virtio'/></disk></devices>")
  const merged = mergeXml(parseXml(extra), parseXml(wanted({ memory: '4096' })))
  assert.deepEqual(findAll(find(merged, 'devices'), 'disk').map((disk) => find(disk, 'source')?.attributes['file']), ['/pool/boreas.qcow2', '/data/mine.qcow2'])
  assert.equal(find(merged, 'devices', 'disk', 'address')?.attributes['bus'], '0x04')
  assert.ok(find(merged, 'devices', 'controller'))
  assert.equal(compareXml(merged, parseXml(wanted({ memory: '4096' }))), undefined)
})

test('after a redefinition the balloon does not hold the guest at its old memory', () => {
  assert.equal(find(mergeXml(libvirts, parseXml(wanted({ memory: '4096' }))), 'currentMemory'), undefined)
})

test('a kernel that is no longer wanted goes', () => {
  const direct = parseXml(formatXml(libvirts).replace('<os>', '<os><kernel>/old/vmlinuz</kernel>'))
  assert.equal(find(mergeXml(direct, parseXml(wanted())), 'os', 'kernel'), undefined)
})
