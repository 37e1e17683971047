/**
 * A host to try primitives on: this machine, seen through a copy-on-write file system and a network of its own. Whatever is changed
 * there (users, packages, kernel settings of the network, firewall rules) is gone with it, also when the tests are killed.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bindEnsure, type Ensure } from '../../../src/ensure/index.ts'
import type { Change } from '../../../src/events.ts'
import { bindHost, connect, posixQuote, type Connection } from '../../../src/host/index.ts'
import { Namespace } from '../../lab/namespace.ts'

const SETUP = `
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
for top in proc sys dev; do mount --rbind "/$top" "/mnt/root/$top"; done
mount -t tmpfs tmpfs /mnt/root/run
mount -t tmpfs tmpfs /mnt/root/tmp
# Copied: other tests make users of this machine at the same time, and their locks would be seen inside.
cp -a /etc /mnt/etc
rm -f /mnt/etc/*.lock
mount --bind /mnt/etc /mnt/root/etc
ip link set lo up`

/** What primitives did. */
export interface Tried {
  readonly ensure: Ensure
  readonly changes: (Change & { readonly applied: boolean })[]
  readonly lines: string[]
  /** Commands that were started on the host. */
  readonly started: () => number
}

export class Sandbox implements AsyncDisposable {
  readonly #space: Namespace
  readonly #connection: Connection
  #started = 0

  private constructor(space: Namespace, local: Connection) {
    this.#space = space
    this.#connection = {
      ...local,
      spawn: (command) => {
        this.#started += 1
        return local.spawn(`exec ${this.#enter(command).map(posixQuote).join(' ')}`)
      },
    }
  }

  static async create(): Promise<Sandbox> {
    const space = await Namespace.create({ kinds: ['mount', 'net'], setup: SETUP })
    return new Sandbox(space, await connect({ name: 'sandbox', connection: 'local' }))
  }

  #enter(command: string): string[] {
    return [...this.#space.enter(['chroot', '/mnt/root', '/bin/sh', '-c', command])]
  }

  /** Binds the primitives anew, so that what is recorded is this use's alone. */
  bind({ check = false }: { check?: boolean } = {}): Tried {
    const changes: Tried['changes'] = []
    const lines: string[] = []
    const recorder = { check, changed: (change: Change, applied: boolean) => void changes.push({ ...change, applied }), output: (stream: string, line: string) => void lines.push(`${stream}: ${line}`) }
    // A connection of its own: facts are remembered by connection.
    const host = bindHost({ ...this.#connection }, { recorder })
    const before = this.#started
    return { changes, lines, started: () => this.#started - before, ensure: bindEnsure({ host, templateDirs: [], projectDir: '/', variables: {}, signal: new AbortController().signal }) }
  }

  /** Runs a command inside and gives its output. */
  sh(command: string): string {
    const [file = '', ...args] = this.#enter(command)
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** The path outside of one inside. */
  path(inside: string): string {
    return this.#space.path(join('/mnt/root', inside))
  }

  write(inside: string, content: string, mode = 0o644): void {
    const path = this.path(inside)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    chmodSync(path, mode)
  }

  read(inside: string): string | undefined {
    return existsSync(this.path(inside)) ? readFileSync(this.path(inside), 'utf8') : undefined
  }

  /** Puts a program before all others of its name; it notes how it was called. */
  standIn(name: string, script = ''): void {
    this.write(`/usr/local/sbin/${name}`, `#!/bin/sh\nprintf '%s\\n' "$(basename "$0") $*" >>/run/calls\n${script}\n`, 0o755)
  }

  /** How stand-ins were called since the last look. */
  calls(): string[] {
    const text = this.read('/run/calls') ?? ''
    rmSync(this.path('/run/calls'), { force: true })
    return text.split('\n').filter((line) => line !== '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#space[Symbol.asyncDispose]()
  }
}
