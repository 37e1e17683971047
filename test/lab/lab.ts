/**
 * A laboratory on one machine: a LAN, bare hypervisor hosts on it, and a controller from which farm is run.
 *
 * The LAN is a bridge in a network namespace; the controller's commands run in that namespace with a home of their own. Nothing
 * of it touches the networks, the libvirt or the files of the machine below, and all of it ends with the test.
 */
import { mkdirSync, rmSync, writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { LabHost } from './host.ts'
import { atEnd, labDirectory } from './leftovers.ts'
import { Namespace } from './namespace.ts'
import { finished, must, start, type Result, type RunOptions } from './process.ts'

/** The LAN; the controller is its first address. */
export const LAN = { net: '10.77.0.0/24', controller: '10.77.0.1', host: (index: number): string => `10.77.0.${11 + index}` } as const

/** Environment: LAB_HOME. OpenSSH takes the home from the password file and not from $HOME, so that file is the lab's too. */
const LAN_SETUP = `
mount --make-rprivate /
mkdir -p /run/libvirt
mount -t tmpfs tmpfs /run/libvirt
sed "s|^\\(root:[^:]*:0:0:[^:]*:\\)[^:]*|\\1$LAB_HOME|" /etc/passwd > "$LAB_HOME/passwd"
mount --bind "$LAB_HOME/passwd" /etc/passwd
echo 0 > /proc/sys/net/ipv4/ip_forward
ip link set lo up
ip link add lan type bridge stp_state 0
ip addr add ${LAN.controller}/24 dev lan
ip link set lan up
`

export interface LabOptions {
  /** Names of the hypervisor hosts; none is fine where only the LAN is wanted. */
  readonly hosts: readonly string[]
  /** By host: programs that it has not, though the machine below has them (`{ aeolus: ['qemu-system-aarch64'] }`). */
  readonly without?: Readonly<Record<string, readonly string[]>>
}

export class Lab implements AsyncDisposable {
  /** The lab's directory outside, for what a test likes to keep with it. */
  readonly dir: string
  /** The controller's home: an SSH key and known_hosts that lists every host. */
  readonly home: string
  readonly hosts: LabHost[] = []
  readonly #lan: Namespace
  readonly #forget: () => void

  private constructor(dir: string, lan: Namespace) {
    this.dir = dir
    this.home = join(dir, 'home')
    this.#lan = lan
    this.#forget = atEnd(() => {
      for (const host of this.hosts) host.kill()
      lan.kill()
      // Its processes may still be going; what they keep from being removed goes with the next lab.
      try {
        rmSync(dir, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 })
      } catch {}
    })
  }

  static async create({ hosts, without = {} }: LabOptions): Promise<Lab> {
    if (process.getuid?.() !== 0) throw new Error('a lab is made of namespaces and mounts: run the tests as root (sudo npm test)')
    const dir = labDirectory()
    const home = join(dir, 'home')
    mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
    const lan = await Namespace.create({ kinds: ['mount', 'net'], setup: LAN_SETUP, env: { LAB_HOME: home } })
    const lab = new Lab(dir, lan)
    try {
      await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'controller', '-f', join(lab.home, '.ssh/id_ed25519')])
      const authorizedKey = readFileSync(join(lab.home, '.ssh/id_ed25519.pub'), 'utf8').trim()
      const made = await Promise.allSettled(
        hosts.map(async (name, index) => {
          const host = { name, address: LAN.host(index), gateway: LAN.controller, dir: join(dir, name), authorizedKey, lan, without: without[name] ?? [] }
          lab.hosts.push(await LabHost.create(host))
        }),
      )
      for (const one of made) if (one.status === 'rejected') throw one.reason
      lab.hosts.sort((a, b) => hosts.indexOf(a.name) - hosts.indexOf(b.name))
      writeFileSync(join(lab.home, '.ssh/known_hosts'), lab.hosts.map((host) => `${host.address} ${host.hostKey}\n`).join(''))
      return lab
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  host(name: string): LabHost {
    const host = this.hosts.find((one) => one.name === name)
    if (!host) throw new Error(`no host ${name} in this lab`)
    return host
  }

  /** The command line that runs `argv` on the controller; its process id is the command's own, so a test can kill it. */
  enter(argv: readonly string[], cwd = this.home): string[] {
    return this.#lan.enter(['env', '-C', cwd, 'setpriv', '--pdeathsig', 'KILL', ...argv])
  }

  /** The environment of the controller's commands: the home is the lab's, and no agent or terminal of the tester's shows through. */
  env(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    const { PATH, LANG, FARM_TEST_CACHE } = process.env
    return { PATH, LANG, FARM_TEST_CACHE, HOME: this.home, USER: 'root', LOGNAME: 'root', TERM: 'dumb', ...extra }
  }

  /** Runs a command on the controller, whatever its exit code. */
  controller(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
    return finished(this.start(argv, options), argv, options)
  }

  /** Starts a command on the controller with piped streams. */
  start(argv: readonly string[], { cwd, env }: RunOptions = {}): ChildProcess {
    return start(this.enter(argv, cwd), { env: this.env(env) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.hosts.map((host) => host[Symbol.asyncDispose]()))
    await this.#lan[Symbol.asyncDispose]()
    this.#forget()
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}
