/** Those that are compared: each runs a number of no-op commands on a number of hosts, from a cold start of its own process. */
import { readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/paths.ts'
import { atEnd } from '../../test/lab/leftovers.ts'
import { isInstalled, names, USER, type Loopback } from './loopback.ts'

const HERE = fileURLToPath(import.meta.url)
const LOADER = HERE.endsWith('.ts') ? ['--import', 'jiti/register'] : []
export const FORKS = 50
export const FARM = join(packageRoot, 'bin', 'farm')

/** How a process ran. */
export interface Timed {
  readonly seconds: number
  /** The most memory that it had, in MB; 0 for one that was too quick to look at. */
  readonly memory: number
  readonly stdout: string
}

/** Runs a command to its end. Rejects when its exit code is not 0. */
export function timed(argv: readonly string[], { env, watch = false }: { env: NodeJS.ProcessEnv; watch?: boolean }): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const [file = '', ...args] = argv
    const start = performance.now()
    const child = spawn(file, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const forget = atEnd(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    })
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (out[name] += text))
    let memory = 0
    const look = (): void => void (memory = Math.max(memory, child.pid === undefined ? 0 : peakOf(child.pid)))
    const timer = watch ? setInterval(look, 20) : undefined
    let seconds = 0
    child.once('error', reject).once('exit', () => (seconds = (performance.now() - start) / 1000))
    // What ends up in the background with ControlPersist may hold on to the pipes: the process's own end is what counts.
    child.once('exit', (code, signal) => {
      clearInterval(timer)
      forget()
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        if (code === 0) resolve({ seconds, memory, stdout: out.stdout })
        else reject(new Error(`${argv.join(' ')} ended with ${signal ?? code}\n${out.stdout.slice(-2000)}${out.stderr.slice(-2000)}`))
      })
    })
  })
}

/** The most memory that a process has had, in MB. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** One of those that are compared. */
export interface Contender {
  readonly name: string
  /** Runs `tasks` commands on each of `hosts`; `port` is another than the server's own for a way that is longer. */
  run(hosts: number, tasks: number, port?: number): Promise<Timed>
}

/** The four; Ansible only where Debian's package is installed. */
export function contenders(loopback: Loopback): { farm: Contender; ansible: Contender | undefined; mux: Contender; bare: Contender } {
  return { farm: farm(loopback), ansible: isInstalled('ansible-playbook') ? ansible(loopback) : undefined, mux: mux(loopback), bare: bare(loopback) }
}

/** Writes a recipe and gives the command that runs it. */
export function farmRun(loopback: Loopback, name: string, tasks: string, inventory: string, forks = FORKS): string[] {
  const recipe = join(loopback.dir, `${name}.ts`)
  writeFileSync(
    recipe,
    `import { recipe, task } from 'farm'\nexport default recipe({ description: 'No-op commands', hosts: 'all', become: false, lock: false, tasks: [\n${tasks}\n] })\n`,
  )
  return [process.execPath, FARM, 'run', recipe, '-i', inventory, '-f', String(forks)]
}

function farm(loopback: Loopback): Contender {
  return {
    name: 'farm',
    run(hosts, tasks, port) {
      const body = Array.from({ length: tasks }, (_, index) => `  task('command ${index + 1}', async ({ host }) => { await host.$\`true\` }),`).join('\n')
      return timed(farmRun(loopback, `noop-${tasks}`, body, loopback.inventory(hosts, port)), { env: loopback.env() })
    },
  }
}

function ansible(loopback: Loopback): Contender {
  const config = join(loopback.dir, 'ansible.cfg')
  writeFileSync(
    config,
    [
      '[defaults]',
      `forks=${FORKS}`,
      'retry_files_enabled=False',
      '[ssh_connection]',
      'pipelining=True',
      'ssh_args=-o ControlMaster=auto -o ControlPersist=60s',
      `control_path_dir=${loopback.dir}/cm`,
      '',
    ].join('\n'),
  )
  return {
    name: 'Ansible',
    run(hosts, tasks, port) {
      const playbook = join(loopback.dir, `noop-${tasks}.yml`)
      writeFileSync(playbook, `- hosts: all\n  gather_facts: false\n  tasks:\n${'    - command: "true"\n'.repeat(tasks)}`)
      return timed(['ansible-playbook', '-i', loopback.inventory(hosts, port), playbook], { env: loopback.env({ ANSIBLE_CONFIG: config, ANSIBLE_HOME: `${loopback.dir}/ansible` }) })
    },
  }
}

/** OpenSSH with one connection a host: hosts side by side, each command a client of its own. */
function mux(loopback: Loopback): Contender {
  const config = join(loopback.dir, 'ssh_config')
  return {
    name: 'ControlMaster',
    async run(hosts, tasks) {
      const list = names(hosts).join(' ')
      const commands = `i=0; while [ $i -lt ${tasks} ]; do ssh -F ${config} $h true || exit 1; i=$((i+1)); done`
      const script = `pids=; for h in ${list}; do ( ${commands} ) & pids="$pids $!"; done; for p in $pids; do wait $p || exit 1; done`
      const result = await timed(['/bin/sh', '-c', script], { env: loopback.env() })
      await timed(['/bin/sh', '-c', `for h in ${list}; do ssh -F ${config} -O exit $h 2>/dev/null; done; exit 0`], { env: loopback.env() })
      return result
    },
  }
}

function bare(loopback: Loopback): Contender {
  const script = join(dirname(HERE), HERE.endsWith('.ts') ? 'bare.ts' : 'bare.js')
  const blob = readFileSync(loopback.knownHosts, 'utf8').split(/\s/)[2] ?? ''
  return {
    name: 'bare ssh2',
    run: (hosts, tasks, port = loopback.port) =>
      timed([process.execPath, ...LOADER, script, String(port), USER, loopback.key, blob, String(hosts), String(tasks)], { env: loopback.env() }),
  }
}
