/**
 * What kind of disk image a file is, from its first bytes and before any program opens it: a qcow2 file can name other files of
 * the host as its backing or data file, and everyone in the guest could then read them.
 * Layout: https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 */
import { InputError } from '../errors.ts'

/** How many bytes `imageFormat` wants to see. */
export const HEADER_BYTES = 104

/** Starts of files that are no raw disks, and what to call them. */
const OTHERS: readonly (readonly [string, string])[] = [
  ['\x1f\x8b', 'compressed with gzip'], ['\xfd7zXZ', 'compressed with xz'], ['(\xb5/\xfd', 'compressed with zstd'], ['BZh', 'compressed with bzip2'],
  ['PK\x03\x04', 'a zip archive'], ['KDMV', 'a VMDK image'], ['# Disk DescriptorFile', 'a VMDK image'], ['vhdxfile', 'a VHDX image'], ['conectix', 'a VHD image'],
  ['<<< ', 'a VDI image'], ['<', 'a web page'], ['QED\0', 'a QED image'], ['LUKS', 'encrypted'],
]

/**
 * Tells a qcow2 image (with its virtual size in bytes) from a raw one.
 * @throws InputError image-format or image-backing; `name` is the image's name for messages.
 */
export function imageFormat(header: Uint8Array, name: string): { readonly format: 'qcow2'; readonly virtualSize: number } | { readonly format: 'raw' } {
  const bytes = Buffer.from(header)
  if (bytes.length < HEADER_BYTES) throw new InputError('image-format', `${name} is too short for a disk image (${bytes.length} bytes)`)
  if (bytes.toString('latin1', 0, 4) !== 'QFI\xfb') {
    const text = bytes.toString('latin1')
    const other = OTHERS.find(([start]) => text.startsWith(start))
    if (other) throw new InputError('image-format', `${name} is ${other[1]}, not a qcow2 or raw disk image`, { hint: 'unpack or convert it, and name the result' })
    return { format: 'raw' }
  }
  const version = bytes.readUInt32BE(4)
  if (version !== 2 && version !== 3) throw new InputError('image-format', `${name} is qcow2 of the unknown version ${version}`)
  if (bytes.readBigUInt64BE(8) !== 0n) throw new InputError('image-backing', `${name} has a backing file, and so would read another file of the hypervisor`, { hint: 'flatten it where it was made: qemu-img convert -O qcow2' })
  if (version === 3 && (bytes.readBigUInt64BE(72) & 4n) !== 0n) throw new InputError('image-backing', `${name} keeps its data in an external file, and so would read another file of the hypervisor`)
  if (bytes.readUInt32BE(32) !== 0) throw new InputError('image-format', `${name} is encrypted`)
  return { format: 'qcow2', virtualSize: Number(bytes.readBigUInt64BE(24)) }
}
