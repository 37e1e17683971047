/**
 * A set of Linux namespaces that lives exactly as long as this object, and never longer than the test process.
 *
 * Its first process reads the pipe to the test: when the test closes it, or dies of whatever, that process ends and the kernel
 * takes everything with it: with a process namespace all processes inside, then the mounts, interfaces and rules. Nothing has a
 * name outside, so nothing can be left over.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { start } from './process.ts'

export interface NamespaceOptions {
  /** Which namespaces are unshared. With `pid`, everything inside dies with the first process. */
  readonly kinds: readonly ('mount' | 'net' | 'uts' | 'ipc' | 'pid')[]
  /** Bash commands that set it up; runs with `set -eu`, in the new namespaces. */
  readonly setup: string
  readonly env?: Readonly<Record<string, string>>
}

export class Namespace implements AsyncDisposable {
  /** Process id, seen from outside, of the first process inside. */
  readonly pid: number
  readonly #child: ChildProcess
  readonly #kinds: NamespaceOptions['kinds']

  private constructor(child: ChildProcess, pid: number, kinds: NamespaceOptions['kinds']) {
    this.#child = child
    this.pid = pid
    this.#kinds = kinds
  }

  /** Rejects with what the setup wrote when it fails. */
  static async create({ kinds, setup, env }: NamespaceOptions): Promise<Namespace> {
    // Bash, because as process 1 it also buries the orphans of daemons. The pid is read before /proc is mounted anew.
    const script = `set -eu\nread -r self _ < /proc/self/stat\n${setup}\necho "ready $self"\nexec >/dev/null 2>&1\nread -r _ || true`
    const argv = ['unshare', ...kinds.map((kind) => `--${kind}`), '--fork', '--kill-child', 'bash', '-c', 'eval "$LAB_SCRIPT"']
    const child = start(argv, { env: { ...process.env, ...env, LAB_SCRIPT: script } })
    let out = ''
    const ready = new Promise<number>((resolve, reject) => {
      const collect = (text: string): void => {
        out += text
        const match = /^ready (\d+)$/m.exec(out)
        if (match) resolve(Number(match[1]))
      }
      child.stdout?.setEncoding('utf8').on('data', collect)
      child.stderr?.setEncoding('utf8').on('data', collect)
      child.once('error', reject)
      child.once('close', (code) => reject(new Error(`the namespaces' setup ended with ${code}:\n${out}`)))
    })
    return new Namespace(child, await ready, kinds)
  }

  /** The command that runs `argv` inside. Entering a process namespace makes a fork, the others keep the process id. */
  enter(argv: readonly string[], kinds = this.#kinds): string[] {
    return ['nsenter', `--target=${this.pid}`, ...kinds.map((kind) => `--${kind}`), '--', ...argv]
  }

  /** The path outside of a path inside. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`
  }

  /** Synchronous first half of disposal, for exit handlers. */
  kill(): void {
    this.#child.stdin?.destroy()
    this.#child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#child.exitCode !== null || this.#child.signalCode !== null ? undefined : once(this.#child, 'exit')
    this.kill()
    await closed
  }
}
