/** The channels of one SSH connection: how many at once, what when the server has none left, what when the line drops. */
import type { Duplex } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { FarmError, UnreachableError } from '../../errors.ts'

/**
 * Commands at once. Servers allow ten sessions, but free one only some time after its end has been seen here:
 * five never failed in 200 runs, six did.
 */
const AT_ONCE = 4
/** Milliseconds for which a refused channel is asked for again. */
const PATIENCE = 30_000

/** How a command ended: its exit code or the signal that ended it. */
export type End = readonly [code: number | null, signal: NodeJS.Signals | null]

/** A channel with a command on it. */
export interface Running {
  readonly channel: ClientChannel
  /** Resolves once the channel is closed and its output read; undefined when the end was never reported. */
  readonly end: Promise<End | undefined>
}

/** A place in the queue for one of the few channels; `leave` gives it up, and is there only while waiting. */
export interface Turn {
  leave?: (() => void) | undefined
}

/** Opens channels on a client that is logged in. */
export class Channels {
  readonly #client: Client
  readonly #host: string
  readonly #waiting: (() => void)[] = []
  /** Opens that are under way: the library forgets some of them when the line drops. */
  readonly #opening = new Set<(error: Error) => void>()
  /** What the server starts commands with, once a command has said so. */
  loginShell: string | undefined
  #running = 0
  #lost: UnreachableError | undefined

  constructor(client: Client, host: string) {
    this.#client = client
    this.#host = host
    let reason = ''
    client.on('error', (error) => (reason = `: ${error.message}`))
    client.once('close', () => this.#lose(new UnreachableError('connection-lost', `the connection was lost${reason}`, { host })))
  }

  /** Why nothing works any more; made up when the server merely ended a command without a word. */
  lostError(): UnreachableError {
    return this.#lost ?? new UnreachableError('connection-lost', 'the connection was lost while a command was running', { host: this.#host })
  }

  /**
   * Starts a command on a channel of its own, when one of the few is free.
   * @param command - asked for only then
   * @param turn - the place in the queue; without one, the command does not wait
   */
  async exec(command: () => string, turn?: Turn): Promise<Running> {
    if (turn !== undefined) await this.#slot(turn)
    try {
      const line = command()
      const running = await this.run((done) => void this.#client.exec(line, done))
      if (turn !== undefined) void running.end.then(() => this.#release())
      return running
    } catch (error) {
      if (turn !== undefined) this.#release()
      throw error
    }
  }

  /** Opens a channel with a command, asking again for a while when the server has none left. */
  async run(ask: (done: (error: Error | undefined, channel: ClientChannel) => void) => void): Promise<Running> {
    const deadline = Date.now() + PATIENCE
    for (let pause = 10; ; pause = Math.min(pause * 2, 500)) {
      try {
        let end: Promise<End | undefined> | undefined
        // Listening begins in the very callback: the end of a short command arrives together with its beginning.
        const channel = await this.once<ClientChannel>((done) =>
          ask((error, opened) => {
            if (!error) end = endOf(opened)
            done(error, opened)
          }),
        )
        return { channel, end: end ?? Promise.resolve(undefined) }
      } catch (error) {
        const full = error instanceof Error && /open failed/i.test(error.message)
        if (!full || Date.now() > deadline) throw this.#wrap(error)
      }
      // Jitter, lest all who were refused together ask together.
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())))
    }
  }

  /** Opens a channel, or fails at once. */
  once<T extends Duplex>(ask: (done: (error: Error | undefined, channel: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost)
      this.#opening.add(reject)
      ask((error, channel) => {
        this.#opening.delete(reject)
        if (error) return reject(this.#lost ?? error)
        channel.on('error', () => undefined)
        resolve(channel)
      })
    })
  }

  #wrap(error: unknown): Error {
    if (error instanceof FarmError) return error
    const message = error instanceof Error ? error.message : String(error)
    if (message === 'Not connected') return this.lostError()
    return new UnreachableError('channel-failed', `the SSH server gives no channel: ${message}`, { host: this.#host, cause: error })
  }

  async #slot(turn: Turn): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running += 1
      return
    }
    // A slot is handed from one to the next, so the count stays.
    await new Promise<void>((resolve) => {
      const mine = (): void => {
        turn.leave = undefined
        resolve()
      }
      turn.leave = () => {
        const at = this.#waiting.indexOf(mine)
        if (at >= 0) this.#waiting.splice(at, 1)
      }
      this.#waiting.push(mine)
    })
  }

  #release(): void {
    const next = this.#waiting.shift()
    if (next !== undefined) next()
    else this.#running -= 1
  }

  #lose(error: UnreachableError): void {
    this.#lost = error
    for (const reject of this.#opening) reject(error)
    this.#opening.clear()
    for (const next of this.#waiting.splice(0)) next()
  }
}

function endOf(channel: ClientChannel): Promise<End | undefined> {
  return new Promise((resolve) => {
    let end: End | undefined
    channel.once('exit', (code: number | null, signal?: string) => {
      end = [code, signal === undefined ? null : (`SIG${signal.replace(/^SIG/, '')}` as NodeJS.Signals)]
    })
    channel.once('close', () => resolve(end))
  })
}
