/** One bare hypervisor host: its own name, network, files, processes, libvirtd and sshd. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { takeFootprint, type Footprint } from './footprint.ts'
import { packageRoot } from '../../src/paths.ts'
import { HOST_DAEMONS, HOST_SETUP } from './host-setup.ts'
import { Namespace } from './namespace.ts'
import { must, run, start, until, type Result, type RunOptions } from './process.ts'

export interface HostOptions {
  readonly name: string
  /** Address in the LAN, without a prefix length. */
  readonly address: string
  /** The LAN's gateway, which is the controller. */
  readonly gateway: string
  /** An empty directory for all that the host writes. */
  readonly dir: string
  /** The line that lets the controller log in. */
  readonly authorizedKey: string
  /** The namespace that holds the LAN's bridge. */
  readonly lan: Namespace
  /** Programs that the machine below has and this host has not: names of files in /usr/bin, such as `qemu-system-aarch64`. */
  readonly without?: readonly string[]
}

export class LabHost implements AsyncDisposable {
  readonly name: string
  readonly address: string
  /** The public half of its SSH host key, as it stands in known_hosts. */
  readonly hostKey: string
  readonly #space: Namespace
  readonly #dir: string

  private constructor(options: HostOptions, space: Namespace, hostKey: string) {
    this.name = options.name
    this.address = options.address
    this.hostKey = hostKey
    this.#space = space
    this.#dir = options.dir
  }

  static async create(options: HostOptions): Promise<LabHost> {
    const { name, dir, lan, address, gateway, authorizedKey, without = [] } = options
    mkdirSync(join(dir, 'ssh'), { recursive: true })
    await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(dir, 'ssh/host_key')])
    const space = await Namespace.create({
      kinds: ['mount', 'net', 'uts', 'ipc', 'pid'],
      setup: HOST_SETUP,
      env: { LAB_CHECKOUT: packageRoot, LAB_DIR: dir, LAB_NAME: name, LAB_ADDRESS: address, LAB_GATEWAY: gateway, LAB_WITHOUT: without.join(' ') },
    })
    const host = new LabHost(options, space, readFileSync(join(dir, 'ssh/host_key.pub'), 'utf8').trim())
    try {
      const port = `lan-${name}`.slice(0, 15)
      await must(lan.enter(['ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eno1', 'netns', String(space.pid)]))
      await must(lan.enter(['ip', 'link', 'set', port, 'master', 'lan', 'up']))
      await host.must(`ip addr add ${address}/24 dev eno1; ip link set eno1 up; ip route add default via ${gateway}`)
      await host.#startSshd(authorizedKey)
      await must(space.enter(['bash', '-c', HOST_DAEMONS]))
      await until(`sshd of ${name}`, async () => (await host.exec('ss -Hltn sport = :22')).stdout || undefined)
    } catch (error) {
      await host[Symbol.asyncDispose]()
      throw error
    }
    return host
  }

  /** As a stock server has it, but with its keys outside the files that a footprint looks at. */
  async #startSshd(authorizedKey: string): Promise<void> {
    const keys = this.#space.path('/run/lab')
    mkdirSync(keys, { mode: 0o755 })
    for (const file of ['host_key', 'host_key.pub']) writeFileSync(join(keys, file), readFileSync(join(this.#dir, 'ssh', file)), { mode: 0o600 })
    writeFileSync(join(keys, 'authorized_keys'), `${authorizedKey}\n`, { mode: 0o644 })
    const config = [
      'Port 22',
      `ListenAddress ${this.address}`,
      'HostKey /run/lab/host_key',
      'AuthorizedKeysFile /run/lab/authorized_keys',
      'PermitRootLogin prohibit-password',
      'UsePAM no',
      'UseDNS no',
      'PidFile /run/sshd.pid',
      'Subsystem sftp /usr/lib/openssh/sftp-server',
    ]
    writeFileSync(join(keys, 'sshd_config'), `${config.join('\n')}\n`)
    await must(this.enter('/usr/sbin/sshd -f /run/lab/sshd_config'))
  }

  /** The command line that runs a shell command inside, as root. */
  enter(command: string): string[] {
    return this.#space.enter(['sh', '-c', command])
  }

  /** Runs a shell command inside, as root, whatever its exit code. */
  exec(command: string, options?: RunOptions): Promise<Result> {
    return run(this.enter(command), options)
  }

  /** Runs a shell command inside, as root; resolves with its standard output, rejects unless it succeeds. */
  must(command: string, options?: RunOptions): Promise<string> {
    return must(this.enter(command), options)
  }

  /** Starts a shell command inside with piped streams. */
  start(command: string): ReturnType<typeof start> {
    return start(this.enter(command))
  }

  /** The path, seen by the test, of a file inside. */
  path(inside: string): string {
    return this.#space.path(inside)
  }

  /** All that farm has to give back; see {@link takeFootprint}. */
  footprint(): Promise<Footprint> {
    return takeFootprint({ host: this, upper: join(this.#dir, 'upper') })
  }

  kill(): void {
    this.#space.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#space[Symbol.asyncDispose]()
  }
}
