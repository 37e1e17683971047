/**
 * Snapshots of machines: which there are, taking one, going back to one, removing one with all that were taken after it.
 *
 * Internal ones lie inside the disks and hold the memory of a machine that runs. External ones freeze the disks and lay overlays over
 * them; they hold no memory, so a machine that goes back to one boots. See snapshots-kind.ts for which it can have, snapshots-external.ts
 * for how libvirt before 9.9 goes back to an external one, and snapshots-overlays.ts for whose a file is.
 */
import { posix } from 'node:path'
import { InputError, TaskError } from '../errors.ts'
import type { Change } from '../events.ts'
import type { Shell } from '../host/index.ts'
import { backingChain } from './domain-files.ts'
import type { Domain, DomainMemory } from './domains.ts'
import { explained } from './snapshots-errors.ts'
import { followParent, frozenBy, planExternal, restoreByHand, stop } from './snapshots-external.ts'
import { chooseKind, diskParts, revertsExternal, snapshotBase, type KindChoice, type SnapshotBase, type WantedKind } from './snapshots-kind.ts'
import { overlayPath, removeOrphans } from './snapshots-overlays.ts'
import { definitionIn, disksOf, snapshotDocument, subtree, toSnapshot, type Snapshot, type SnapshotKind } from './snapshots-record.ts'
import { namesIn, type Virsh } from './virsh.ts'
import { find, parseXml } from './xml.ts'

type Machine = Pick<Domain, 'name' | 'uuid' | 'document'>

export interface CreateOptions {
  /** From `kindFor`. */
  readonly kind: SnapshotKind
  /** What it is made from, as plain data: kept with it, and given back by `list`. */
  readonly inputs?: unknown
}

/** How a restore ended. */
export interface Restored {
  /** The machine runs, with the memory of then. Otherwise it is off, and the caller starts it. */
  readonly running: boolean
  /** `by hand`: an external one on a libvirt that cannot do it itself. */
  readonly how: 'internal' | 'native' | 'by hand'
}

export class Snapshots {
  readonly #virsh: Virsh
  readonly #memory: DomainMemory
  #version: Promise<string> | undefined

  constructor(virsh: Virsh, memory: DomainMemory = {}) {
    this.#virsh = virsh
    this.#memory = memory
  }

  /** All snapshots of a machine, whoever took them, in virsh's order. */
  async list({ uuid }: Pick<Domain, 'uuid'>): Promise<readonly Snapshot[]> {
    const [listed, current] = await this.#virsh.ask([['snapshot-list', '--name', uuid], ['snapshot-current', '--name', uuid]])
    const texts = await this.#virsh.ask(namesIn(listed).map((name) => ['snapshot-dumpxml', uuid, '--snapshotname', name, '--security-info']))
    return texts.flatMap((text) => (text === undefined ? [] : [toSnapshot(text, current)]))
  }

  /**
   * The kind of snapshot that a machine can have, and why.
   *
   * @throws InputError `snapshot-kind` when the kind that is asked for is impossible.
   */
  async kindFor(domain: Machine, wanted: WantedKind): Promise<KindChoice> {
    const [version, existing] = await Promise.all([this.#libvirt(), this.list(domain)])
    return chooseKind(snapshotBase(domain.document), wanted, version, existing, domain.name, this.#virsh.host.name)
  }

  /** The same of a machine that has not been made yet. */
  async kindForPlanned(name: string, base: SnapshotBase, wanted: WantedKind): Promise<KindChoice> {
    return chooseKind(base, wanted, await this.#libvirt(), [], name, this.#virsh.host.name)
  }

  /**
   * Takes a snapshot; either all disks take part or nothing has happened. The guest's file systems are the caller's to sync.
   *
   * @throws InputError `snapshot-exists`, and TaskError, CapacityError or TemporaryError `snapshot-failed` in place of libvirt's words.
   */
  async create(domain: Machine, name: string, { kind, inputs }: CreateOptions): Promise<void> {
    const { host } = this.#virsh
    if ((await this.list(domain)).some((snapshot) => snapshot.name === name)) {
      throw new InputError('snapshot-exists', `machine ${domain.name} has a snapshot ${name} already`, { host: host.name, hint: 'choose another name, or remove it first' })
    }
    const disks = diskParts(domain.document).map(({ device, file, taken }) => ({
      device,
      to: !taken ? undefined : kind === 'internal' ? 'internal' as const : { overlay: overlayPath(domain, device, name, file ?? '') },
    }))
    const doing = `take snapshot ${name} of machine ${domain.name}`
    const flags = kind === 'internal' ? ['--atomic'] : ['--atomic', '--disk-only']
    await this.#change(doing, { summary: `${doing} (${kind})` }, ($) => this.#virsh.apply($, [['snapshot-create', domain.uuid, '/dev/stdin', ...flags]], snapshotDocument(name, disks, inputs)))
  }

  /**
   * Goes back to a snapshot; what the machine has done since is lost, and its definition is the one of then. A machine that runs need not
   * be powered off before: its power is cut, or its memory replaced.
   *
   * @throws InputError `no-snapshot`, and `snapshot-shared` when going back would destroy another one; TaskError `snapshot-broken` when its
   *   files are gone. Nothing has been changed then.
   */
  async restore(domain: Machine, name: string): Promise<Restored> {
    const snapshots = await this.list(domain)
    const snapshot = this.#one(domain, snapshots, name)
    const running = snapshot.kind === 'internal' && snapshot.state === 'running'
    const doing = `restore snapshot ${name} of machine ${domain.name}`
    const revert = (...flags: readonly string[]): readonly string[] => ['snapshot-revert', domain.uuid, '--snapshotname', name, ...flags]
    if (snapshot.kind === 'internal') {
      this.#refuseShared(domain, snapshot, snapshots)
      // Forced: the present state is thrown away anyway, and a definition that has changed since needs a new QEMU.
      await this.#change(doing, { summary: `${doing} (internal)` }, ($) => this.#virsh.apply($, [['managedsave-remove', domain.uuid], revert('--force', ...(running ? ['--running'] : []))]))
      return { running, how: 'internal' }
    }
    const native = revertsExternal(await this.#libvirt())
    const memory = find(snapshot.document, 'memory')?.attributes['snapshot'] === 'external'
    // Whose memory is in a file of its own only libvirt can bring back, so there is nothing to fall back on.
    const plan = native && memory ? undefined : await planExternal(this.#virsh, snapshot, domain.name)
    let how: Restored['how'] = native ? 'native' : 'by hand'
    await this.#change(doing, { summary: `${doing} (external)` }, async ($) => {
      if (native && await this.#revert($, domain, revert(...(memory && snapshot.state === 'running' ? ['--running'] : [])), plan === undefined)) return
      if (plan === undefined) return
      how = 'by hand'
      await restoreByHand($, this.#virsh, domain, plan, await this.list(domain))
    })
    return { running: how === 'native' && memory && snapshot.state === 'running', how }
  }

  /** Lets libvirt go back to an external snapshot. Resolves with whether it could; one that was rewritten by hand it may not understand. */
  async #revert($: Shell, domain: Machine, command: readonly string[], must: boolean): Promise<boolean> {
    await stop($, this.#virsh, domain.uuid)
    try {
      await this.#virsh.apply($, [command])
    } catch (error) {
      if (must || !(error instanceof TaskError) || !/not supported|unsupported/.test([error.message, ...error.details].join())) throw error
      return false
    }
    await removeOrphans($, this.#virsh, domain, (await this.list(domain)).map(({ document }) => document))
    return true
  }

  /**
   * Removes a snapshot and all that were taken after it on its branches. The machine's disks stay as they are, and so do the files that they
   * stand on: nothing is copied or merged, so there is nothing that an interruption could leave half done. Files that nobody needs any more
   * go at once, or with the next restore.
   *
   * @throws InputError `no-snapshot`, and `foreign-object` when one of them was not taken by farm.
   */
  async remove(domain: Machine, name: string, _options: { readonly children: true }): Promise<void> {
    const virsh = this.#virsh
    const snapshots = await this.list(domain)
    const snapshot = this.#one(domain, snapshots, name)
    const gone = subtree(snapshots, name)
    const other = gone.find(({ own }) => !own)
    if (other !== undefined) {
      throw new InputError('foreign-object', `farm did not take snapshot ${other.name} of machine ${domain.name}, ${other === snapshot ? 'so it' : `which was taken after ${name}, so neither`} is removed`, {
        host: virsh.host.name,
        hint: `remove it yourself (virsh snapshot-delete), or make the machine anew`,
      })
    }
    const doing = `remove snapshot ${gone.map((one) => one.name).join(', ')} of machine ${domain.name}`
    await this.#change(doing, { summary: doing }, async ($) => {
      // Children first: whatever interrupts, what is left is a tree.
      for (const one of gone.reverse()) {
        await virsh.apply($, [['snapshot-delete', domain.uuid, '--snapshotname', one.name, ...(one.kind === 'external' ? ['--metadata'] : [])]])
      }
      if (gone.some(({ kind }) => kind === 'external')) await this.#tidy($, domain, snapshot.parent)
    })
  }

  async #tidy($: Shell, domain: Machine, parent: string | undefined): Promise<void> {
    const virsh = this.#virsh
    const left = await this.list(domain)
    const [text] = await virsh.ask([['dumpxml', '--inactive', domain.uuid]])
    if (text === undefined) return
    const active = new Map(disksOf(parseXml(text)).flatMap((disk) => {
      const file = find(disk, 'source')?.attributes['file']
      return file === undefined ? [] : [[find(disk, 'target')?.attributes['dev'] ?? '', file] as const]
    }))
    const above = left.find((one) => one.name === parent && one.kind === 'external')
    if (above === undefined) return removeOrphans($, virsh, domain, left.map(({ document }) => document))
    const below = new Map<string, string>()
    for (const file of active.values()) {
      const next = (await backingChain(virsh, file))[1]
      if (next !== undefined) below.set(file, posix.normalize(next))
    }
    await removeOrphans($, virsh, domain, await followParent($, virsh, domain.uuid, above, active, below, left))
  }

  #one(domain: Machine, snapshots: readonly Snapshot[], name: string): Snapshot {
    const found = snapshots.find((snapshot) => snapshot.name === name)
    if (found !== undefined) return found
    const names = snapshots.map((snapshot) => snapshot.name)
    throw new InputError('no-snapshot', `machine ${domain.name} has no snapshot ${name}`, {
      host: this.#virsh.host.name,
      hint: names.length === 0 ? 'it has none at all' : `it has ${names.join(', ')}`,
    })
  }

  /** libvirt would write to a file on which others stand, without a word. */
  #refuseShared(domain: Machine, snapshot: Snapshot, snapshots: readonly Snapshot[]): void {
    const files = disksOf(definitionIn(snapshot)).map((disk) => find(disk, 'source')?.attributes['file'] ?? '')
    const victim = snapshots.find((other) => [...frozenBy([other])].some((file) => files.includes(file)))
    if (victim === undefined) return
    throw new InputError('snapshot-shared', `restoring the internal snapshot ${snapshot.name} of machine ${domain.name} would destroy the external snapshot ${victim.name}, which stands on the same file`, {
      host: this.#virsh.host.name,
      hint: `remove ${victim.name} first, or make the machine anew`,
    })
  }

  #libvirt(): Promise<string> {
    // Not asked of the daemon: `virsh capabilities` names what it can, but looks at every emulator for that.
    this.#version ??= this.#virsh.version().then(({ version }) => version ?? '0')
    return this.#version
  }

  async #change(doing: string, change: Change, apply: ($: Shell) => Promise<unknown>): Promise<void> {
    try {
      await this.#virsh.host.change(change, apply)
    } catch (error) {
      throw explained(error, doing)
    } finally {
      this.#memory.list = undefined
    }
  }
}
