/** The `farm` command as a black box: run on the lab's controller, judged by its exit code and what it prints. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Event, Failure } from '../../src/events.ts'
import { packageRoot } from '../../src/paths.ts'
import { diffFootprints, type Footprint, type Lab, type LabHost, type Result } from '../lab/index.ts'
import type { Project } from './project.ts'

const BIN = join(packageRoot, 'bin/farm')

/** How a recipe's run ended. */
export interface Run extends Result {
  readonly events: readonly Event[]
}

export type EventOf<T extends Event['type']> = Extract<Event, { type: T }>

export class Farm {
  readonly lab: Lab
  readonly project: Project

  constructor(lab: Lab, project: Project) {
    this.lab = lab
    this.project = project
  }

  #argv(args: readonly string[]): string[] {
    return [process.execPath, BIN, ...args]
  }

  /** Runs `farm …` in the project, to its end. */
  run(...args: string[]): Promise<Result> {
    return this.lab.controller(this.#argv(args), { cwd: this.project.dir, timeout: 300_000 })
  }

  /** `farm run RECIPE -i … --json …` to its end. */
  async recipe(recipe: string, ...args: string[]): Promise<Run> {
    const result = await this.run('run', recipe, '-i', 'inventory/hosts.ini', '--json', ...args)
    return { ...result, events: parse(result.stdout) }
  }

  provision(...args: string[]): Promise<Run> {
    return this.recipe('provision-cluster', ...args)
  }

  unprovision(...args: string[]): Promise<Run> {
    return this.recipe('unprovision-cluster', '--yes', ...args)
  }

  /** Starts a recipe's run and gives its events as they come. */
  start(recipe: string, ...args: string[]): Started {
    const argv = this.#argv(['run', recipe, '-i', 'inventory/hosts.ini', '--json', ...args])
    return new Started(this.lab.start(argv, { cwd: this.project.dir }))
  }

  /** `farm ssh NAME COMMAND`. */
  ssh(name: string, command: string): Promise<Result> {
    return this.run('ssh', '-i', 'inventory/hosts.ini', name, command)
  }

  /** What a command prints in a machine, where it has to succeed. */
  async inGuest(name: string, command: string): Promise<string> {
    const result = await this.ssh(name, command)
    assertExit(result, 0)
    return result.stdout.trim()
  }
}

/** A run under way. */
export class Started {
  readonly events: Event[] = []
  readonly child: ChildProcess
  readonly #ended: Promise<unknown>
  #stderr = ''
  #waiting: (() => void)[] = []

  constructor(child: ChildProcess) {
    this.child = child
    this.#ended = once(child, 'close')
    child.stderr?.setEncoding('utf8').on('data', (text: string) => void (this.#stderr += text))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      // The last line of a killed run may be cut short.
      if (line.endsWith('}')) this.events.push(...parse(line))
      for (const wake of this.#waiting.splice(0)) wake()
    })
    void this.#ended.then(() => {
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Resolves once an event satisfies `wanted`; with false when the run ended without one. */
  async reached(wanted: (event: Event, index: number) => boolean): Promise<boolean> {
    for (;;) {
      if (this.events.some(wanted)) return true
      if (!this.running) return this.events.some(wanted)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** `kill -9`, as the out-of-memory killer or a power cut does it. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#ended
  }

  async end(): Promise<Run> {
    await this.#ended
    const stdout = this.events.map((event) => JSON.stringify(event)).join('\n')
    return { code: this.child.exitCode, signal: this.child.signalCode, stdout, stderr: this.#stderr, events: this.events }
  }
}

function parse(text: string): Event[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event)
}

/** All events of one type, in order. */
export function eventsOf<T extends Event['type']>(run: Pick<Run, 'events'>, type: T): EventOf<T>[] {
  return run.events.filter((event): event is EventOf<T> => event.type === type)
}

/** Everything that failed, whether it belonged to a task or not. */
export function failures(run: Pick<Run, 'events'>): Failure[] {
  return run.events.flatMap((event) => {
    if (event.type === 'failure') return [event.failure]
    return event.type === 'task-end' && event.failure ? [event.failure] : []
  })
}

/** What a failed assertion about a run quotes. */
export function story(run: Result & { events?: readonly Event[] }): string {
  const events = (run.events ?? []).filter((event) => event.type !== 'progress').map((event) => JSON.stringify(event))
  return `exit ${run.code ?? run.signal}\n${(events.length > 0 ? events.slice(-25).join('\n') : run.stdout).slice(-6000)}\n${run.stderr.slice(-3000)}`
}

/** Fails, with the run's story, unless it ended with `code`. */
export function assertExit(run: Result & { events?: readonly Event[] }, code: number): void {
  assert.equal(run.code, code, story(run))
}

/** The one failure of a run that must have ended with `code`; its message and hint are not empty. */
export function assertFailure(run: Run, code: number): Failure {
  assertExit(run, code)
  const [failure] = failures(run)
  assert.ok(failure, `no failure was reported: ${story(run)}`)
  assert.ok(failure.message.length > 0)
  return failure
}

/**
 * Fails unless the host has become again what it was. Ends of sessions and daemons are not farm's to wait for,
 * so a few seconds are given for them to settle.
 */
export async function assertAsBefore(host: LabHost, before: Footprint, ignore: readonly string[] = []): Promise<void> {
  const deadline = Date.now() + 5_000
  for (;;) {
    const rest = diffFootprints(before, await host.footprint(), ignore)
    if (rest.length === 0) return
    if (Date.now() > deadline) assert.deepEqual(rest, [], `${host.name} is not as it was before`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** What may stay after an unprovision: the cache of verified images, which is worth keeping. */
export const CACHE = ['/var/lib/farm'] as const
