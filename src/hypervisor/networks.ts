/** libvirt networks: defined, compared, kept up to date without cutting off the machines on them, removed. */
import { foreign, networkMark } from './ownership.ts'
import { namesIn, type Virsh } from './virsh.ts'
import { compareXml, find, findAll, formatXml, parseXml, type Element } from './xml.ts'

/** A network as it shall be; `document` is its XML. */
export interface NetworkSpec {
  readonly name: string
  readonly cluster: string
  readonly document: string
}

/** A network that exists. */
export interface NetworkState {
  /** The definition for its next start. */
  readonly document: Element
  /** What it is now; the definition where it is not running. */
  readonly live: Element
  readonly active: boolean
  /** The cluster that farm made it for; undefined when farm did not make it. */
  readonly cluster: string | undefined
  /** `user@controller` that made it. */
  readonly owner: string | undefined
}

export class Networks {
  readonly #virsh: Virsh

  constructor(virsh: Virsh) {
    this.#virsh = virsh
  }

  /** What libvirt knows of a network of that name. */
  async inspect(name: string): Promise<NetworkState | undefined> {
    const [text, active, live] = await this.#virsh.ask([['net-dumpxml', '--inactive', name], ['net-list', '--name'], ['net-dumpxml', name]])
    return text === undefined ? undefined : toState(text, name, active ?? '', live)
  }

  /** All networks, by name. */
  async list(): Promise<ReadonlyMap<string, NetworkState>> {
    const [all, active] = await this.#virsh.ask([['net-list', '--all', '--name'], ['net-list', '--name']])
    const names = namesIn(all)
    const texts = await this.#virsh.ask(names.map((name) => ['net-dumpxml', '--inactive', name]))
    return new Map(names.flatMap((name, index) => {
      const text = texts[index]
      return text === undefined ? [] : [[name, toState(text, name, active ?? '')] as const]
    }))
  }

  /**
   * Makes the network and starts it. Changed address reservations are given to the running network; any other
   * difference changes the definition, which the network follows when it next starts.
   *
   * @returns `waits` when a running network differs until it is started anew.
   * @throws InputError `foreign-object` when a network of that name is not this cluster's.
   */
  async ensure(spec: NetworkSpec): Promise<'follows' | 'waits'> {
    const { host } = this.#virsh
    const state = await this.inspect(spec.name)
    if (state === undefined) {
      const change = { summary: `define network ${spec.name}`, diff: { title: `network ${spec.name}`, before: '', after: spec.document } }
      await host.change(change, ($) => this.#virsh.apply($, [['net-define', '/dev/stdin'], ['net-start', spec.name]], spec.document))
      return 'follows'
    }
    if (state.cluster !== spec.cluster) throw foreign(`network ${spec.name}`, host.name, state.cluster)
    const wanted = parseXml(spec.document)
    const updates = state.active ? reservationUpdates(spec.name, state.live, wanted) : []
    const diff = compareXml(state.document, wanted)
    let waits = false
    if (diff !== undefined || updates.length > 0) {
      const shown = diff ?? { before: reservationText(state.document), after: reservationText(wanted) }
      waits = state.active && diff !== undefined && compareXml(withoutReservations(state.document), withoutReservations(wanted)) !== undefined
      await host.change({ summary: `change network ${spec.name}`, diff: { title: `network ${spec.name}`, ...shown } }, async ($) => {
        if (updates.length > 0) await this.#virsh.apply($, updates)
        await this.#virsh.apply($, [['net-define', '/dev/stdin']], spec.document)
      })
    }
    if (!state.active) await host.change({ summary: `start network ${spec.name}` }, ($) => this.#virsh.apply($, [['net-start', spec.name]]))
    return waits ? 'waits' : 'follows'
  }

  /** Stops and undefines a network that farm made for the cluster; nothing to do where there is none. */
  async remove(name: string, cluster: string): Promise<void> {
    const { host } = this.#virsh
    const state = await this.inspect(name)
    if (state === undefined) return
    if (state.cluster !== cluster) throw foreign(`network ${name}`, host.name, state.cluster)
    await host.change({ summary: `remove network ${name}` }, ($) => this.#virsh.apply($, [...(state.active ? [['net-destroy', name]] : []), ['net-undefine', name]]))
  }
}

function toState(text: string, name: string, active: string, live: string = text): NetworkState {
  const document = parseXml(text)
  return {
    document,
    live: parseXml(live),
    active: namesIn(active).includes(name),
    cluster: networkMark(document)?.cluster,
    owner: networkMark(document)?.owner,
  }
}

function reservations(document: Element): readonly Element[] {
  return findAll(find(document, 'ip', 'dhcp'), 'host')
}

function reservationText(document: Element): string {
  return reservations(document).map((host) => formatXml(host)).join('')
}

function withoutReservations(document: Element): Element {
  return { ...document, children: document.children.filter((child) => child.name !== 'host').map(withoutReservations) }
}

/** `net-update` commands that bring the running network's reservations from `actual` to `wanted`. */
function reservationUpdates(name: string, actual: Element, wanted: Element): string[][] {
  const have = new Set(reservations(actual).map((host) => formatXml(host).trim()))
  const want = new Set(reservations(wanted).map((host) => formatXml(host).trim()))
  const update = (command: string, host: string): string[] => ['net-update', name, command, 'ip-dhcp-host', host, '--live']
  return [
    ...[...have].filter((host) => !want.has(host)).map((host) => update('delete', host)),
    ...[...want].filter((host) => !have.has(host)).map((host) => update('add-last', host)),
  ]
}
