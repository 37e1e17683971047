/** What libvirt and QEMU say when a snapshot does not work, in words that help. */
import { CapacityError, TaskError, TemporaryError, type ErrorFacts, type FarmError } from '../errors.ts'

type Maker = new (code: string, message: string, facts?: ErrorFacts) => FarmError

interface Known {
  readonly text: RegExp
  readonly means: string
  readonly hint: string
  readonly kind?: Maker
}

const KNOWN: readonly Known[] = [
  { text: /pflash based firmware/, means: 'its firmware is flash memory (UEFI), which this libvirt cannot keep inside a snapshot', hint: 'set snapshot_type to external, or leave it at auto' },
  { text: /internal snapshot for disk (\S+) unsupported/, means: 'disk $1 is not qcow2, and only qcow2 holds snapshots', hint: 'set snapshot_type to external, or leave it at auto' },
  { text: /writable but does not support snapshots|require all disks to be selected/, means: 'a disk of it can be written to and cannot be part of a snapshot', hint: 'set snapshot_type to external, or make the disk read-only' },
  { text: /non-migratable|does not support internal snapshots|State blocked/, means: 'it has a device whose state QEMU cannot save', hint: 'set snapshot_type to external' },
  { text: /No space left|ENOSPC/i, means: 'the disk of the hypervisor is full', hint: 'make room there, or set vm_pool_dir to a larger disk', kind: CapacityError },
  { text: /Failed to get (shared )?"(\w+)" lock/, means: 'another process uses a disk of it', hint: 'look for a second machine with the same disk, or a qemu-img at work', kind: TemporaryError },
  { text: /active block job|cannot acquire state change lock|another job/, means: 'libvirt is still at work on it', hint: 'run again in a moment', kind: TemporaryError },
  { text: /snapshot \S+ already exists|already exists with/, means: 'there is a snapshot of that name', hint: 'somebody else has taken it meanwhile: run again', kind: TemporaryError },
  { text: /[Nn]o domain snapshot with matching name|snapshot not found/, means: 'the snapshot is gone', hint: 'somebody else has removed it meanwhile: run again', kind: TemporaryError },
  { text: /(Could not open|Cannot access) (?:backing file |storage file )?'([^']+)'/, means: 'the file $2 cannot be opened', hint: 'it has been removed or moved; make the machine anew' },
]

/** Puts a failure of libvirt into words. @param doing - `take snapshot clean of machine boreas`. */
export function explained(error: unknown, doing: string): unknown {
  if (!(error instanceof TaskError) || !['libvirt-refused', 'qemu-img'].includes(error.code)) return error
  const text = [error.message, ...error.details].join('\n')
  for (const { text: pattern, means, hint, kind = TaskError } of KNOWN) {
    const match = pattern.exec(text)
    if (match === null) continue
    const meaning = means.replace(/\$(\d)/g, (_all, index: string) => match[Number(index)] ?? '')
    return new kind('snapshot-failed', `cannot ${doing}: ${meaning}`, { host: error.host, hint, details: error.details, cause: error })
  }
  return new TaskError('snapshot-failed', `cannot ${doing}: ${error.message}`, { host: error.host, details: error.details, cause: error })
}
