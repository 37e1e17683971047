/** Growing a disk, and a partition in its table, without root or loop devices. */
import { InputError, TaskError } from '../../errors.ts'
import type { StepContext } from './types.ts'

const MIB = 2 ** 20

/** Bytes that a guest sees of the image. */
export async function virtualSize({ host, path }: Pick<StepContext, 'host' | 'path'>, file: string, format: string): Promise<number> {
  const { stdout } = await host.query`qemu-img info -f ${format} --output=json ${path(file)}`
  return (JSON.parse(stdout) as { 'virtual-size': number })['virtual-size']
}

/**
 * Lets a partition end where the disk does, or where the next partition begins. Only the table is changed, in its first MiB and, for a GPT,
 * its copy in the last: these are taken out, edited in an empty file as large as the disk, and written back.
 * @throws InputError image-partition when it cannot grow
 */
export async function growPartition(context: StepContext, file: string, format: string, partition: number): Promise<void> {
  const { host, $, path, stage } = context
  const size = await virtualSize(context, file, format)
  // qemu-io takes a file's name only without spaces: that is why it runs where the file is.
  const name = 'farm-table.part'
  const [image, table, part] = [path(file), path('farm-table.disk'), path(name)]
  const before = size - (size % MIB || MIB)
  try {
    await $`
      qemu-img dd -f ${format} -O raw bs=${MIB} count=1 if=${image} of=${part}
      rm -f ${table}
      truncate -s ${size} ${table}
      dd if=${part} of=${table} conv=notrunc bs=${MIB} 2>/dev/null`
    const old = await readTable(context, table, partition)
    const result = await $({ nothrow: true, input: ', +\n' })`sfdisk --no-reread --no-tell-kernel --force -N ${partition} ${table}`
    if (result.exitCode !== 0) throw new TaskError('image-partition', `partition ${partition} of ${file} cannot grow`, { host: host.name, details: result.stderr.trim().split('\n') })
    const grown = await readTable(context, table, partition)
    if (grown.start !== old.start || grown.size < old.size) throw new TaskError('image-partition', `sfdisk would not let partition ${partition} of ${file} be where it is`, { host: host.name })
    if (grown.size === old.size && size - (old.start + old.size) * 512 > 8 * MIB) throw new InputError('image-partition', `partition ${partition} of ${file} cannot grow: another one follows it`, { host: host.name, hint: 'name the last partition on the disk' })
    await $`dd if=${table} of=${part} bs=${MIB} count=1 2>/dev/null`
    await $`cd ${stage}; qemu-io -f ${format} -c ${`write -q -s ${name} 0 ${Math.min(MIB, size)}`} ${image}`
    if (!old.gpt) return
    await $`dd if=${table} of=${part} bs=${MIB} skip=${before / MIB} 2>/dev/null`
    await $`cd ${stage}; qemu-io -f ${format} -c ${`write -q -s ${name} ${before} ${size - before}`} ${image}`
  } finally {
    await $({ nothrow: true })`rm -f ${table} ${part}`
  }
}

interface Place {
  readonly gpt: boolean
  /** In sectors of 512 bytes. */
  readonly start: number
  readonly size: number
}

async function readTable({ host }: Pick<StepContext, 'host'>, table: string, partition: number): Promise<Place> {
  const result = await host.query({ nothrow: true })`sfdisk --json ${table}`
  if (result.exitCode !== 0) throw new InputError('image-partition', 'the image has no partition table', { host: host.name, hint: 'leave out partition: its file system fills the disk' })
  const { partitiontable } = JSON.parse(result.stdout) as { partitiontable: { label: string; partitions?: readonly { node: string; start: number; size: number }[] } }
  const found = partitiontable.partitions?.find(({ node }) => node === `${table}${partition}` || node === `${table}p${partition}`)
  if (found === undefined) throw new InputError('image-partition', `the image has no partition ${partition}`, { host: host.name, hint: `it has ${partitiontable.partitions?.map(({ node }) => /\d+$/.exec(node)?.[0]).join(', ') || 'none'}` })
  return { gpt: partitiontable.label === 'gpt', start: found.start, size: found.size }
}
