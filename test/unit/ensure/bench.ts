/** A directory to work in, and a task's `ensure` on this machine or on any connection, with what it reported. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { bindEnsure, type Ensure } from '../../../src/ensure/index.ts'
import { bindHost, connect, type Become, type Connection, type Host } from '../../../src/host/index.ts'

/** What was reported. */
export interface Reported {
  readonly summary: string
  readonly applied: boolean
  readonly before: string | undefined
  readonly after: string | undefined
}

export interface Bench {
  /** Real path of a temporary directory, with a blank in its name. */
  readonly dir: string
  /** What paths on the controller are relative to. */
  readonly project: string
  readonly host: Host
  readonly ensure: Ensure
  readonly check: Ensure
  /** Changes since the last call. */
  changes(): Reported[]
  /** Commands started since the last call. */
  roundTrips(): number
  path(...parts: string[]): string
  /** Temporary files of farm anywhere below the directory. */
  leftovers(): string[]
}

export interface BenchOptions {
  readonly connection?: Connection
  readonly become?: Become
  readonly signal?: AbortSignal
  readonly variables?: object
  /** Rewrites each command before it starts. */
  readonly wrap?: (command: string) => string
}

/** Makes a bench; all of it goes when the test ends. */
export async function bench(t: TestContext, { connection, become, signal, variables = {}, wrap = (command) => command }: BenchOptions = {}): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'farm ensure-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const project = join(dir, 'project')
  mkdirSync(join(project, 'templates'), { recursive: true })
  const real = connection ?? (await connect({ name: 'h1', connection: 'local' }))
  let started = 0
  const counted: Connection = { ...real, spec: real.spec, spawn: (command) => ((started += 1), real.spawn(wrap(command))) }
  let reported: Reported[] = []
  const bind = (check: boolean): Host =>
    bindHost(counted, {
      become,
      signal,
      recorder: { check, changed: ({ summary, diff }, applied) => void reported.push({ summary, applied, before: diff?.before, after: diff?.after }), output: () => undefined },
    })
  const ensureOn = (host: Host): Ensure =>
    bindEnsure({ host, projectDir: project, templateDirs: [join(project, 'templates')], variables, signal: signal ?? new AbortController().signal })
  const host = bind(false)
  return {
    dir,
    project,
    host,
    ensure: ensureOn(host),
    check: ensureOn(bind(true)),
    changes: () => {
      const all = reported
      reported = []
      return all
    },
    roundTrips: () => {
      const count = started
      started = 0
      return count
    },
    path: (...parts) => join(dir, ...parts),
    leftovers: () => (readdirSync(dir, { recursive: true }) as string[]).filter((name) => /(^|\/)\.farm-(?!unpacked)/.test(name)),
  }
}

/** Names that scripts stumble over. */
export const ODD_NAMES = ['a b', "it's", '"quoted"', '-rf', '$(id)', 'new\nline', 'back\\slash', 'ünïcödé', '*', '~', ' lead', 'trail ', 'semi;colon', '#hash', '.hidden', `${'long'.repeat(60)}`]
