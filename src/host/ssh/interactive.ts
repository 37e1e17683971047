/** A command or a login shell of a host on the caller's own terminal. */
import { constants } from 'node:os'
import type { PseudoTtyOptions } from 'ssh2'
import type { Channels, Running } from './channels.ts'

/** Opens a channel for `interactive`: with a pty of the terminal's size when there is a terminal, without one otherwise. */
export type OpenInteractive = (pty: PseudoTtyOptions | false) => Promise<Running>

/**
 * Joins a channel to the terminal until the command ends; the terminal is left as it was found.
 * @returns the exit code; 128 and the signal's number when a signal ended it
 * @throws UnreachableError `connection-lost`
 */
export async function interact(channels: Channels, open: OpenInteractive): Promise<number> {
  const { stdin, stdout, stderr } = process
  const terminal = stdin.isTTY && stdout.isTTY
  const size = (): { rows: number; cols: number } => ({ rows: stdout.rows || 24, cols: stdout.columns || 80 })
  const { channel, end } = await open(terminal ? { ...size(), term: process.env['TERM'] || 'xterm' } : false)
  const resized = (): void => channel.setWindow(size().rows, size().cols, 0, 0)
  const wasRaw = stdin.isRaw
  if (terminal) {
    stdin.setRawMode(true)
    stdout.on('resize', resized)
  }
  stdin.pipe(channel)
  channel.pipe(stdout, { end: false })
  channel.stderr.pipe(stderr, { end: false })
  try {
    const status = await end
    if (status === undefined) throw channels.lostError()
    const [code, signal] = status
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
  } finally {
    stdin.unpipe(channel)
    stdin.pause()
    if (terminal) {
      stdin.setRawMode(wasRaw)
      stdout.removeListener('resize', resized)
    }
  }
}
