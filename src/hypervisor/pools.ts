/**
 * Storage pools: directories that libvirt knows. A pool has no metadata, so its UUID is farm's mark; there are two for
 * a name, which also say whether farm made the directory and so may take it away again.
 */
import { InputError } from '../errors.ts'
import { farmUuid, foreign } from './ownership.ts'
import { namesIn, type Virsh } from './virsh.ts'
import { find, parseXml } from './xml.ts'

/** A pool as it shall be. `render` gives its document for a UUID. */
export interface PoolSpec {
  readonly name: string
  readonly cluster: string
  readonly path: string
  render(uuid: string): Promise<string>
}

/** A pool that exists. */
export interface PoolState {
  readonly path: string
  readonly active: boolean
  readonly owned: boolean
  /** farm made its directory. */
  readonly madeDirectory: boolean
}

export class Pools {
  readonly #virsh: Virsh

  constructor(virsh: Virsh) {
    this.#virsh = virsh
  }

  /** What libvirt knows of a pool of that name. */
  async inspect(name: string, cluster: string): Promise<PoolState | undefined> {
    const [document, active] = await this.#virsh.ask([['pool-dumpxml', name], ['pool-list', '--name']])
    if (document === undefined) return undefined
    const pool = parseXml(document)
    const uuid = find(pool, 'uuid')?.text
    return {
      path: find(pool, 'target', 'path')?.text ?? '',
      active: namesIn(active).includes(name),
      owned: uuid === poolUuid(cluster, name, true) || uuid === poolUuid(cluster, name, false),
      madeDirectory: uuid === poolUuid(cluster, name, true),
    }
  }

  /**
   * Makes the pool and its directory, and starts it.
   *
   * @throws InputError `foreign-pool` when a pool of that name is not farm's, or farm's stands elsewhere.
   */
  async ensure(spec: PoolSpec): Promise<void> {
    const { host } = this.#virsh
    const state = await this.refuseForeign(spec)
    if (state === undefined) {
      const directory = await host.query({ nothrow: true })`test -e ${spec.path}`
      const made = directory.exitCode !== 0
      const document = await spec.render(poolUuid(spec.cluster, spec.name, made))
      const change = { summary: `define pool ${spec.name} on ${spec.path}`, diff: { title: `pool ${spec.name}`, before: '', after: document } }
      await host.change(change, ($) => this.#virsh.apply($, [['pool-define', '/dev/stdin'], ...(made ? [['pool-build', spec.name]] : []), ['pool-start', spec.name]], document))
    } else if (!state.active) {
      await host.change({ summary: `start pool ${spec.name}` }, async ($) => {
        if (state.madeDirectory) await $`mkdir -p -- ${spec.path}`
        await this.#virsh.apply($, [['pool-start', spec.name]])
      })
    } else if (state.madeDirectory) {
      const directory = await host.query({ nothrow: true })`test -d ${spec.path}`
      if (directory.exitCode !== 0) await host.change({ summary: `create directory ${spec.path} of pool ${spec.name} again` }, ($) => $`mkdir -p -- ${spec.path}`)
    }
  }

  /** Removes the pool, and its directory when farm made it and nothing else is left in it. */
  async remove(name: string, cluster: string): Promise<void> {
    const { host } = this.#virsh
    const state = await this.inspect(name, cluster)
    if (state === undefined) return
    if (!state.owned) throw foreign(`pool ${name}`, host.name)
    await host.change({ summary: `remove pool ${name}` }, async ($) => {
      // Directory first: a run that ends in between still finds the pool, and with it the right to remove the directory.
      if (state.madeDirectory) await $({ nothrow: true })`test ! -d ${state.path} || rmdir -- ${state.path}`
      await this.#virsh.apply($, [...(state.active ? [['pool-destroy', name]] : []), ['pool-undefine', name]])
    })
  }

  /** Has libvirt look at the pool's directory anew if it remembers volumes whose files are gone: it would not make them again. */
  async forgetLost(name: string, lost: readonly string[]): Promise<void> {
    const known = await this.#virsh.ask(lost.map((volume) => ['vol-path', '--pool', name, volume]))
    if (known.some((path) => path !== undefined)) await this.#virsh.ask([['pool-refresh', name]])
  }

  /** The pool of that name, refused when it is not farm's or stands elsewhere; for use before anything is changed. */
  async refuseForeign(spec: Pick<PoolSpec, 'name' | 'cluster' | 'path'>): Promise<PoolState | undefined> {
    const state = await this.inspect(spec.name, spec.cluster)
    if (state !== undefined) refuseForeign(state, spec, this.#virsh.host.name)
    return state
  }
}

function poolUuid(cluster: string, name: string, madeDirectory: boolean): string {
  return farmUuid('pool', cluster, name, madeDirectory ? 'with its directory' : 'in a directory that was there')
}

function refuseForeign(state: PoolState, spec: Pick<PoolSpec, 'name' | 'path'>, host: string): void {
  if (!state.owned) throw foreign(`pool ${spec.name}`, host)
  if (state.path !== spec.path) {
    throw new InputError('pool-elsewhere', `pool ${spec.name} stands on ${state.path}, not on ${spec.path}`, {
      host,
      hint: 'disks are not moved: run unprovision-cluster with the old vm_pool_dir first, or set it back',
    })
  }
}
