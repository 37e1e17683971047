/** A world for commands without a process: streams that remember, and layers below that answer as told. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { InputError, UsageError } from '../../../src/errors.ts'
import type { Io, Output } from '../../../src/cli/command.ts'
import type { Engine, Farm, LoadedRecipe, MachineStatus, Plan } from '../../../src/cli/engine.ts'
import { runFarm } from '../../../src/cli/main.ts'

/** A stream that keeps what was written. */
export class Memory extends Writable {
  text = ''
  writes = 0
  isTTY?: boolean
  columns?: number
  rows?: number

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    this.writes += 1
    done()
  }
}

/** What a command did. */
export interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A machine as a hypervisor tells of it. */
export function machine(facts: Partial<MachineStatus> = {}): MachineStatus {
  return {
    name: 'boreas', uuid: 'u', host: 'anemoi', cluster: 'farm', state: 'running', address: '172.17.2.10', port: 22, user: 'root', created: new Date(Date.now() - 3 * 3600_000).toISOString(),
    owner: 'alice@laptop', hostKeys: ['ssh-ed25519 AAAAC3Nza comment'], memMiB: 512, cpus: 1, identityFile: '/home/alice/.local/share/farm/id_ed25519', consoleLog: '/var/log/farm/boreas.log', ...facts,
  }
}

/** A recipe that has no tasks. */
export function recipe(name: string, facts: Partial<LoadedRecipe['recipes'][number]> = {}): LoadedRecipe {
  const description = `Does ${name}`
  return { name, file: `/recipes/${name}.ts`, description, recipes: [{ description, hosts: 'vmhost', become: true, destructive: false, tasks: [], handlers: [], vars: {}, ...facts } as unknown as LoadedRecipe['recipes'][number]] }
}

/** What the two hosts of {@link fakeEngine} would do. */
export const PLAN: Plan = {
  stages: [{
    title: 'Does provision-cluster',
    hosts: ['anemoi', 'hera'],
    tasks: [
      { name: 'Check virtualization', tags: [], depth: 0, handler: false },
      { name: 'Create the pool', tags: ['pool', 'storage'], depth: 1, handler: false },
      { name: 'Restart libvirtd', tags: [], depth: 0, handler: true },
    ],
  }],
  tags: ['pool', 'storage'],
}

/** Layers that know two recipes and two hosts; `answers` replaces what a test is about. */
export function fakeEngine(answers: Partial<Engine> = {}): Engine {
  const recipes = [recipe('provision-cluster'), recipe('unprovision-cluster', { destructive: true })]
  return {
    openFarm: () => Promise.resolve({ warnings: [] } as unknown as Farm),
    selectHosts: () => Promise.resolve(['anemoi', 'hera']),
    inventoryList: () => Promise.resolve({ all: { children: ['vmhost'] } }),
    inventoryGraph: () => Promise.resolve(['@all:']),
    inventoryYaml: () => Promise.resolve('all: {}\n'),
    explainVars: () => Promise.resolve([]),
    hostVars: (_farm, host) => Promise.resolve({ inventory_hostname: host }),
    hostSpec: (_farm, name) => Promise.resolve({ name, connection: 'local' }),
    recipeNames: () => Promise.resolve(recipes.map(({ name }) => name)),
    listRecipes: () => Promise.resolve(recipes),
    findRecipe(name) {
      const found = recipes.find((known) => known.name === name)
      return found === undefined ? Promise.reject(new UsageError('unknown-recipe', `there is no recipe called "${name}"`)) : Promise.resolve(found)
    },
    describeVars: () => Promise.resolve([{ name: 'vm_mem', type: 'integer', unit: 'MiB', default: 1024, required: false, description: 'Memory of each machine' }]),
    plan: () => Promise.resolve(PLAN),
    run: () => Promise.resolve(0),
    machines: () => Promise.resolve({ machines: [machine()], unreachable: [] }),
    dispatch: () => Promise.resolve({ machines: [], unplaced: [], problems: [], notes: [] }),
    ssh: () => Promise.resolve(0),
    console: () => Promise.resolve(0),
    doctor: () => Promise.resolve([{ name: 'system', status: 'ok', detail: 'Debian' }]),
    ...answers,
  }
}

/** A directory for journals and known hosts, in place of the user's own; removed when the test process ends. */
const state = mkdtempSync(join(tmpdir(), 'farm-test-state-'))
process.env['XDG_STATE_HOME'] = state
process.once('exit', () => { rmSync(state, { recursive: true, force: true }) })

/** Runs a command line. `stdin` is what a person types; a terminal when `tty` is true. */
export async function farm(argv: readonly string[], engine: Partial<Engine> = {}, world: { stdin?: string; tty?: boolean; env?: Record<string, string>; signal?: AbortSignal } = {}): Promise<Result> {
  const out = new Memory()
  const err = new Memory()
  const stdin = Object.assign(new PassThrough(), { isTTY: world.tty ?? false })
  stdin.end(world.stdin ?? '')
  const io: Io = { stdin, stdout: out as Output, stderr: err as Output, env: world.env ?? {}, signal: world.signal ?? new AbortController().signal }
  const code = await runFarm(argv, io, fakeEngine(engine))
  return { code, out: out.text, err: err.text }
}

/** An error as the layers below throw it. */
export function badInput(): InputError {
  return new InputError('bad-variable', 'vm_mem must be a whole number, got "lots"', { host: 'anemoi', hint: 'write vm_mem: 1024' })
}
