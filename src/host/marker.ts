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
  watch(stderr: Readable, handlers: { before?(said: string): void; begun(beginning: Beginning): void }): void
}

/** How a script began. */
export interface Beginning {
  readonly pid: number
  /** The login shell, as SHELL has it: over SSH that is what the server starts commands with. */
  readonly shell: string
  /** What came before the marker, as latin1, and what came after it so far. */
  readonly said: string
  readonly rest: Buffer
}

// One random number for the process and a count: no two scripts share a marker, and nobody can know one beforehand.
const process = randomBytes(8).toString('hex')
let count = 0

/** Puts a marker before a script. */
export function marked(script: string): Marker {
  const token = `farm-${process}-${(count += 1)}-`
  return {
    // The new line matters: a syntax error further down must not keep the marker from being printed.
    script: `printf '%s%s-%s\\n' ${token} $$ "\${SHELL-}" >&2\n${script}`,
    watch(stderr, { before, begun }) {
      let said = ''
      const listen = (chunk: Buffer): void => {
        said += chunk.toString('latin1')
        const at = said.indexOf(token)
        const end = at < 0 ? -1 : said.indexOf('\n', at)
        if (end < 0) return before?.(said)
        stderr.removeListener('data', listen)
        const [pid = '', ...shell] = said.slice(at + token.length, end).split('-')
        begun({ pid: Number(pid), shell: shell.join('-'), said: said.slice(0, at), rest: Buffer.from(said.slice(end + 1), 'latin1') })
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
