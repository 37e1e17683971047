/**
 * libvirt through `virsh`: many questions in one process, since starting one costs more than asking.
 *
 * virsh goes on after a command of a batch has failed; what each printed is told apart by markers that it echoes between.
 */
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { shellQuote } from '../quote.ts'

/** Characters of a batch; the shell takes no more than 120 000, and these are quoted for it once more. */
const LONGEST = 60_000

/** A batch for virsh's own command parser, whose quoting is the shell's. */
export function virshScript(commands: readonly (readonly string[])[]): string {
  return commands.map((words) => words.map(shellQuote).join(' ')).join('; ')
}

/** The names that a `--name` or `--uuid` list printed, one a line. */
export function namesIn(list: string | undefined): string[] {
  return (list ?? '').split('\n').map((line) => line.trim()).filter((line) => line !== '')
}

/** A libvirt daemon on a host, addressed by its connection URI. */
export class Virsh {
  readonly host: Host
  readonly uri: string

  constructor(host: Host, uri: string) {
    this.host = host
    this.uri = uri
  }

  /**
   * Asks several things in one process, or in as few as will do.
   *
   * @returns what each command printed, trimmed; undefined for one that failed (there is no such domain) and for all
   *   where there is no virsh or no daemon to ask.
   * @throws TaskError `virsh-batch` when virsh did not get through the batch: silence must not pass for "there is nothing".
   */
  async ask(commands: readonly (readonly string[])[]): Promise<(string | undefined)[]> {
    if (commands.length === 0) return []
    const marker = `@farm-${Math.random().toString(36).slice(2)}@`
    const batch = virshScript(commands.flatMap((words) => [words, ['echo', marker]]))
    if (batch.length > LONGEST && commands.length > 1) {
      const half = commands.length >> 1
      return [...await this.ask(commands.slice(0, half)), ...await this.ask(commands.slice(half))]
    }
    const result = await this.host.query({ nothrow: true })`LC_ALL=C virsh -q -c ${this.uri} ${batch}`
    const parts = result.stdout.split(marker)
    if (parts.length !== commands.length + 1) {
      if (result.exitCode === 127 || /failed to connect to the hypervisor/.test(result.stderr)) return commands.map(() => undefined)
      throw new TaskError('virsh-batch', `virsh on ${this.host.name} answered ${parts.length - 1} of ${commands.length} questions`, {
        host: this.host.name,
        details: result.stderr.trim().split('\n').slice(-5),
      })
    }
    return parts.slice(0, -1).map((part) => (part.trim() === '' ? undefined : part.trim()))
  }

  /**
   * Whether the daemon answers, and its version. Client and daemon of a host come from one package; asking the daemon
   * (`virsh version`) would have it look at every emulator first, which takes seconds.
   *
   * @returns libvirt's version (`9.0.0`), or undefined and the reason.
   */
  async version(): Promise<{ version: string } | { version: undefined; reason: string }> {
    const result = await this.host.query({ nothrow: true })`LC_ALL=C virsh -q -c ${this.uri} uri >/dev/null; virsh --version`
    const version = result.stdout.trim()
    if (result.exitCode === 0 && version !== '') return { version }
    return { version: undefined, reason: result.stderr.trim().split('\n')[0] ?? 'virsh printed nothing' }
  }

  /**
   * Changes something: runs a batch with a `$` got from `host.change`, the document on its standard input.
   *
   * @throws TaskError `libvirt-refused` with libvirt's own words.
   */
  async apply($: Shell, commands: readonly (readonly string[])[], document?: string): Promise<void> {
    // Through a pipe: virsh opens /dev/stdin anew, which a socket does not allow.
    const result = await $({ nothrow: true, input: document ?? '' })`cat | LC_ALL=C virsh -q -c ${this.uri} ${virshScript(commands)}`
    const complaint = result.stderr.split('\n').filter((line) => line.startsWith('error:'))
    if (result.exitCode === 0 && complaint.length === 0) return
    throw new TaskError('libvirt-refused', `virsh ${commands.map((words) => words.slice(0, 2).join(' ')).join('; ')}: ${complaint[0]?.slice(7) ?? `exit code ${result.exitCode}`}`, {
      host: this.host.name,
      details: result.stderr.trim().split('\n').slice(-8),
    })
  }
}
