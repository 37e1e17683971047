/** The locks of a batch's hosts. Several names may mean one machine: what this run has locked itself, it shares. */
import type { Host } from '../host/index.ts'
import { lockHost } from '../hypervisor/index.ts'

/** A lock that this run has taken. */
interface Held {
  /** Hosts that rely on it beside the one that took it. */
  sharers: number
  /** Called when the last of them has gone. */
  alone?: () => void
  /** Set once it is being given back: who comes now waits for that and takes it anew. */
  leaving?: Promise<void>
}

/** Takes and shares locks. */
export class Locks {
  readonly #held = new Map<string, Held>()

  /**
   * Takes the host's lock, or a share in it. Giving it back waits for those who share it.
   * @param holder who takes it and for what; has to be another text for each host
   * @throws TemporaryError `host-locked`
   */
  async take(host: Host, holder: string): Promise<AsyncDisposable> {
    const held: Held = { sharers: 0 }
    this.#held.set(holder, held)
    try {
      for (;;) {
        const got = await lockHost(host, holder, (by) => (by === holder ? undefined : this.#held.get(by)))
        if ('release' in got) return { [Symbol.asyncDispose]: () => this.#giveBack(held, got.release) }
        if (got.leaving === undefined) return share(got)
        await got.leaving
      }
    } catch (error) {
      this.#held.delete(holder)
      throw error
    }
  }

  async #giveBack(held: Held, release: () => Promise<void>): Promise<void> {
    if (held.sharers > 0) await new Promise<void>((resolve) => { held.alone = resolve })
    await (held.leaving = release())
  }
}

function share(held: Held): AsyncDisposable {
  held.sharers += 1
  return {
    [Symbol.asyncDispose]: () => {
      held.sharers -= 1
      if (held.sharers === 0) held.alone?.()
      return Promise.resolve()
    },
  }
}
