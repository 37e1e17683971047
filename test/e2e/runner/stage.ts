/** A project in a directory with an awkward name, hosts that are real SSH servers on loopback, and the `farm` command. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../../../src/events.ts'
import { packageRoot } from '../../../src/paths.ts'
import { finished, start, type Result } from '../../lab/process.ts'
import { Rig, type Sshd } from '../../unit/host/rig.ts'
import { Started } from '../farm.ts'

/** How a run ended. */
export interface Ran extends Result {
  readonly events: readonly Event[]
}

/** All that a test needs; `close` ends and removes it. */
export class Stage {
  readonly rig = new Rig()
  readonly dir = join(this.rig.dir, 'projet é & co')
  readonly servers: readonly Sshd[]

  private constructor(servers: readonly Sshd[]) {
    this.servers = servers
  }

  /** @param hosts names of the inventory, each a server of its own */
  static async create(hosts: readonly string[], options: { readonly sshd?: readonly string[]; readonly user?: boolean } = {}): Promise<Stage> {
    const stage = new Stage([])
    mkdirSync(stage.dir)
    const user = options.user === true ? stage.rig.user() : 'root'
    const lines: string[] = []
    for (const host of hosts) {
      const server = await stage.rig.sshd(options.sshd ?? [], user)
      ;(stage.servers as Sshd[]).push(server)
      lines.push(`${host} ansible_host=127.0.0.1 ansible_port=${server.port} ansible_user=${user} ansible_private_key_file='${stage.rig.clientKey}' farm_known_hosts='${server.spec.knownHostsFiles?.[0] ?? ''}'`)
    }
    stage.write('hosts.ini', `${lines.join('\n')}\n`)
    return stage
  }

  write(name: string, text: string, mode = 0o644): string {
    const file = join(this.dir, name)
    writeFileSync(file, text, { mode })
    return file
  }

  read(name: string): string {
    return readFileSync(join(this.dir, name), 'utf8')
  }

  /** Writes `NAME.ts`: a recipe on all hosts, not as root, without a lock, made of the source of its tasks. */
  recipe(name: string, tasks: string, rest = ''): string {
    return this.write(`${name}.ts`, `import { block, flushHandlers, handler, recipe, task, z } from 'farm'\nexport default recipe({ description: '${name}', hosts: 'all', lock: false, ${rest} tasks: [\n${tasks}\n] })\n`)
  }

  /** Runs `farm ARGS` in the project, to its end. */
  run(...args: readonly string[]): Promise<Result> {
    return finished(this.child(args), args, { timeout: 120_000 })
  }

  /** `farm run NAME.ts -i hosts.ini --json …` to its end. */
  async events(name: string, ...args: readonly string[]): Promise<Ran> {
    return this.start(name, ...args).end()
  }

  /** The same, while it runs. */
  start(name: string, ...args: readonly string[]): Started {
    return new Started(this.child(['run', `./${name}.ts`, '-i', 'hosts.ini', '--json', ...args]))
  }

  child(args: readonly string[], env: Readonly<Record<string, string>> = {}): ReturnType<typeof start> {
    const { CI: _ci, NO_COLOR: _colour, FORCE_COLOR: _forced, ...rest } = process.env
    return start([process.execPath, join(packageRoot, 'bin/farm'), ...args], { cwd: this.dir, env: { ...rest, XDG_STATE_HOME: join(this.dir, 'state'), XDG_DATA_HOME: join(this.dir, 'data'), ...env } })
  }

  /** The text of all journals. */
  journals(): string {
    const runs = join(this.dir, 'state', 'farm', 'runs')
    return readdirSync(runs).map((file) => readFileSync(join(runs, file), 'utf8')).join('')
  }

  async close(): Promise<void> {
    await this.rig.close()
  }
}
