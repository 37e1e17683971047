/** A machine's disks: their names, buses and files. */
import type { ValuePath } from '../../vars/layer.ts'
import { label, type Origin, type Problem } from './problems.ts'
import type { DiskFields } from './schema.ts'
import type { DiskDefinition } from './types.ts'

/** Completes and judges disks. */
export function completeDisks(fields: readonly DiskFields[], origin: Origin, problems: Problem[]): DiskDefinition[] {
  const say = (path: ValuePath, text: string, hint?: string): void => void problems.push({ text: `${label(path)}: ${text}`, location: origin(path) ?? origin(path.slice(0, 2)) ?? origin(['disks']), hint })
  const named = new Set(fields.flatMap(({ device }) => device ?? []))
  const taken = new Set<string>()
  return fields.map((field, index) => {
    const path = ['disks', index]
    const virtio = field.bus === undefined ? field.device?.startsWith('sd') !== true : field.bus === 'virtio'
    const device = field.device ?? nextDevice(virtio ? 'vd' : 'sd', new Set([...named, ...taken]))
    if (taken.has(device)) say([...path, 'device'], `${device} is the name of two disks`)
    taken.add(device)
    if (virtio !== device.startsWith('vd')) say([...path, 'device'], `${device} cannot be on the bus ${field.bus}`, virtio ? 'disks on virtio are called vda, vdb, …' : 'disks on that bus are called sda, sdb, …')
    if (index === 0 && field.file !== undefined) say([...path, 'file'], 'the first disk is made from the image and has no file of its own', 'write the file as a source of the image: - fetch: {url: …}')
    if (index > 0 && field.file === undefined && field.size === undefined) say(path, 'an additional disk needs a size, or a file of your own on the hypervisor')
    if (field.file !== undefined && field.size !== undefined) say([...path, 'size'], 'a file of your own has its size')
    if (index === 0 && field.readonly) say([...path, 'readonly'], 'no system starts from a disk that it cannot write')
    const format = field.format ?? (field.file !== undefined && !/\.qcow2$/i.test(field.file) ? 'raw' : 'qcow2')
    // What is read-only, or not farm's own, has no states worth keeping.
    const snapshot = field.snapshot ?? !(field.readonly || field.file !== undefined)
    return { device, format, size: field.size, bus: field.bus ?? (virtio ? 'virtio' : 'scsi'), readonly: field.readonly, snapshot, file: field.file }
  })
}

function nextDevice(prefix: string, taken: ReadonlySet<string>): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  return [...letters].map((letter) => prefix + letter).find((name) => !taken.has(name)) ?? `${prefix}aa`
}
