/** A command on an SSH channel, in the shape of a process. */
import { killCommand, marked, type Marker } from '../marker.ts'
import { PendingProcess } from '../process.ts'
import { posixQuote } from '../quote.ts'
import type { Channels, Running, Turn } from './channels.ts'

/** Milliseconds after SIGKILL until the channel is closed whatever the far end does. */
const GRACE = 2_000

/**
 * Starts a command with the far end's `/bin/sh`. A command whose end was never reported fails with an UnreachableError
 * `connection-lost`: silence is no success.
 */
export function startCommand(channels: Channels, command: string): PendingProcess {
  const marker = marked(command)
  const turn: Turn = {}
  const process = new PendingProcess((signal) => {
    turn.leave?.()
    process.exit(null, signal)
  })
  channels.exec(() => shellLine(channels, marker.script), turn).then(
    (running) => {
      // A channel that nobody reads would never be closed.
      if (process.ended) running.channel.resume().stderr.resume()
      if (process.ended) running.channel.close()
      else join(process, running, channels, marker)
    },
    (error: Error) => process.fail(error),
  )
  return process
}

/** Login shells that run a script just as `/bin/sh -c` does, being the same program or as plain as that. */
const PLAIN = /^(?:\/usr)?\/bin\/(?:sh|dash|ash)$/

/** The login shell may be anything; it only has to make way for sh. One that is known to be sh need not: a second start costs half a millisecond. */
function shellLine({ loginShell }: Channels, script: string): string {
  return loginShell !== undefined && PLAIN.test(loginShell) ? script : `exec /bin/sh -c ${posixQuote(script)}`
}

function join(process: PendingProcess, { channel, end }: Running, channels: Channels, marker: Marker): void {
  let timer: NodeJS.Timeout | undefined
  let before = ''
  let begun = false
  const early: NodeJS.Signals[] = []
  process.killer = (signal) => {
    early.push(signal)
    if (signal === 'SIGKILL') timer ??= setTimeout(() => channel.close(), GRACE)
  }
  marker.watch(channel.stderr, {
    before: (said) => (before = said),
    begun: ({ pid, shell, said, rest }) => {
      begun = true
      process.leader = pid
      channels.loginShell ??= shell
      // What the login shell had to say belongs to the output as well.
      if (said !== '') process.stderr.write(Buffer.from(said, 'latin1'))
      if (rest.length > 0) process.stderr.write(rest)
      process.stderr.follow(channel.stderr)
      const send = (signal: NodeJS.Signals): void => signalFrom(channels, killCommand(pid, undefined, signal))
      early.forEach(send)
      process.killer = (signal) => {
        send(signal)
        if (signal === 'SIGKILL') timer ??= setTimeout(() => channel.close(), GRACE)
      }
    },
  })
  process.stdin.join(channel)
  process.stdout.follow(channel)
  void end.then((status) => {
    clearTimeout(timer)
    if (!begun && before !== '') process.stderr.write(Buffer.from(before, 'latin1'))
    if (status === undefined) process.fail(channels.lostError())
    else process.exit(...status)
  })
}

/** Runs a command that signals another, beside those that fill the channels. */
function signalFrom(channels: Channels, command: string): void {
  channels.exec(() => shellLine(channels, command)).then(
    ({ channel }) => {
      channel.end()
      channel.resume()
      channel.stderr.resume()
    },
    // Whoever asked for the signal stops waiting in the end, signal or not.
    () => undefined,
  )
}
