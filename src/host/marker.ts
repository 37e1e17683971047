/**
 * A line that a script prints on standard error before anything else: it tells where the command begins, and under which
 * process number, since no other way of signalling it can be relied on (OpenSSH refuses signals to root's commands).
 */
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'

/** A marker of a script's own. */
export interface Marker {
  /** The script with the marker before it. */
  readonly script: string
  /** Watches a stream for the marker. Calls `before` with all that came so far, as latin1, until it is there; then `begun`, once. */
  watch(stderr: Readable, handlers: { before?(said: string): void; begun(pid: number, said: string, rest: Buffer): void }): void
}

/** Puts a marker before a script. */
export function marked(script: string): Marker {
  const token = `farm-${randomBytes(8).toString('hex')}`
  const pattern = new RegExp(`${token}-(\\d+)\\n`)
  return {
    // The new line matters: a syntax error further down must not keep the marker from being printed.
    script: `printf '%s-%s\\n' ${token} $$ >&2\n${script}`,
    watch(stderr, { before, begun }) {
      let said = ''
      const listen = (chunk: Buffer): void => {
        said += chunk.toString('latin1')
        const found = pattern.exec(said)
        if (found === null) return before?.(said)
        stderr.removeListener('data', listen)
        begun(Number(found[1]), said.slice(0, found.index), Buffer.from(said.slice(found.index + found[0].length), 'latin1'))
      }
      stderr.on('data', listen)
    },
  }
}

/**
 * A shell command that signals a command by its process number: its group if it leads one, as over OpenSSH, else the group
 * of `leader`, which is what sudo runs in, else the process alone. Never a group that the command might merely belong to.
 */
export function killCommand(pid: number, leader: number | undefined, signal: NodeJS.Signals): string {
  const kill = `kill -s ${signal.slice(3)}`
  const groups = [pid, ...(leader === undefined ? [] : [leader])].map((group) => `${kill} -- -${group} 2>/dev/null`)
  return [...groups, `${kill} ${pid}`].join(' || ')
}
