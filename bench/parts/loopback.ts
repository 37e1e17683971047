/**
 * Hosts to run commands on: one sshd on loopback that goes by any number of names. It lives in namespaces with a passwd file
 * of its own, so that its user, its processes and its sessions end with the bench, however that ends.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { generateKeyPair } from '../../src/host/index.ts'
import { atEnd, labDirectory } from '../../test/lab/leftovers.ts'
import { Namespace } from '../../test/lab/namespace.ts'

/** The user: a plain /bin/sh and an empty home, since what rc files cost would be added to every command. */
export const USER = 'farmbench'
const UID = 61_234

export class Loopback implements AsyncDisposable {
  readonly dir: string
  readonly port: number
  /** The same server, which notes every command that it starts. */
  readonly notingPort: number
  readonly key: string
  readonly knownHosts: string
  readonly #namespace: Namespace
  readonly #hostKey: string
  readonly #forget: () => void

  private constructor(dir: string, ports: readonly [number, number], hostKey: string, namespace: Namespace, forget: () => void) {
    this.dir = dir
    ;[this.port, this.notingPort] = ports
    this.key = join(dir, 'key')
    this.knownHosts = join(dir, 'known_hosts')
    this.#hostKey = hostKey
    this.#namespace = namespace
    this.#forget = forget
  }

  /** Starts the servers. Needs root. */
  static async start(): Promise<Loopback> {
    const dir = labDirectory()
    let namespace: Namespace | undefined
    const forget = atEnd(() => {
      namespace?.kill()
      rmSync(dir, { recursive: true, force: true })
    })
    // The user has to reach its home and its keys.
    chmodSync(dir, 0o755)
    for (const name of ['home', 'controller', 'controller/.ssh', 'cm']) mkdirSync(join(dir, name), { mode: 0o700 })
    chownSync(join(dir, 'home'), UID, UID)
    const [host, client] = [generateKeyPair('host'), generateKeyPair('client')]
    writeFileSync(join(dir, 'hostkey'), host.privateKey, { mode: 0o600 })
    writeFileSync(join(dir, 'key'), client.privateKey, { mode: 0o600 })
    writeFileSync(join(dir, 'authorized_keys'), `${client.publicKey}\n`, { mode: 0o644 })
    // All of it: a mount on a single file goes when somebody outside replaces that file, as useradd does.
    execFileSync('cp', ['-a', '/etc', join(dir, 'etc')])
    appendFileSync(join(dir, 'etc/passwd'), `${USER}:x:${UID}:${UID}::${dir}/home:/bin/sh\n`)
    appendFileSync(join(dir, 'etc/group'), `${USER}:x:${UID}:\n`)
    appendFileSync(join(dir, 'etc/shadow'), `${USER}:*:19000:0:99999:7:::\n`)
    const ports = [await freePort(), await freePort()] as const
    const servers = ports.map((port, index) => {
      writeFileSync(join(dir, `sshd-${index}`), serverConfig(dir, port, index === 1 ? 'VERBOSE' : 'ERROR'))
      return `/usr/sbin/sshd -f ${dir}/sshd-${index} -E ${dir}/log-${index}`
    })
    const setup = [
      'mount -t proc proc /proc',
      'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd',
      `mount --bind ${dir}/etc /etc`,
      ...servers,
    ]
    namespace = await Namespace.create({ kinds: ['mount', 'pid'], setup: setup.join('\n') })
    const loopback = new Loopback(dir, ports, host.publicKey.split(' ').slice(0, 2).join(' '), namespace, forget)
    for (const port of ports) loopback.know(port)
    writeFileSync(join(dir, 'ssh_config'), sshConfig(loopback))
    return loopback
  }

  /** Lets the host key be known at a port, which may be that of a proxy. */
  know(port: number): void {
    appendFileSync(this.knownHosts, `[127.0.0.1]:${port} ${this.#hostKey}\n`)
  }

  /** Writes an inventory of so many hosts, all of them at one port; farm and Ansible read the same. */
  inventory(count: number, port = this.port): string {
    const path = join(this.dir, `hosts-${count}-${port}.ini`)
    const vars = [
      'ansible_host=127.0.0.1',
      `ansible_port=${port}`,
      `ansible_user=${USER}`,
      `ansible_ssh_private_key_file=${this.key}`,
      `ansible_ssh_common_args='-o UserKnownHostsFile=${this.knownHosts}'`,
      'ansible_python_interpreter=/usr/bin/python3',
      `farm_known_hosts=${this.knownHosts}`,
    ]
    writeFileSync(path, `[all]\n${names(count).join('\n')}\n[all:vars]\n${vars.join('\n')}\n`)
    return path
  }

  /** The environment for whatever runs: nobody's own configuration, agent or history takes part. */
  env(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    const home = join(this.dir, 'controller')
    const { SSH_AUTH_SOCK: _agent, FARM_INVENTORY: _inventory, ANSIBLE_CONFIG: _config, XDG_STATE_HOME: _state, XDG_CACHE_HOME: _cache, ...env } = process.env
    return { ...env, HOME: home, LC_ALL: 'C.UTF-8', ...more }
  }

  /** How many commands the noting server has started so far. */
  commandsNoted(): number {
    return readFileSync(join(this.dir, 'log-1'), 'utf8').split('Starting session: command').length - 1
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#namespace[Symbol.asyncDispose]()
    rmSync(this.dir, { recursive: true, force: true })
    this.#forget()
  }
}

/** h1 to hN. */
export function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `h${index + 1}`)
}

function serverConfig(dir: string, port: number, level: string): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${dir}/hostkey`,
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    'PidFile none',
    'UsePAM no',
    'UseDNS no',
    'StrictModes no',
    'PasswordAuthentication no',
    'MaxSessions 500',
    'MaxStartups 1000',
    `LogLevel ${level}`,
    '',
  ].join('\n')
}

function sshConfig({ dir, port, key, knownHosts }: Loopback): string {
  return [
    'Host h*',
    '  HostName 127.0.0.1',
    `  Port ${port}`,
    `  User ${USER}`,
    `  IdentityFile ${key}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${knownHosts}`,
    '  ControlMaster auto',
    '  ControlPersist 60',
    `  ControlPath ${dir}/cm/%n`,
    '  LogLevel ERROR',
    '',
  ].join('\n')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Whether a program of this name is there. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
