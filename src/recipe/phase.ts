/** How an author writes a phase in TypeScript, and how loaded phases become the tasks of a recipe. */
import { InputError } from '../errors.ts'
import type { Shell } from '../host/index.ts'
import { nearest } from '../suggest.ts'
import type { LoadedPhase, PhaseDefinition, PhaseFacts, PhaseHands, PhaseOptions } from '../phase/types.ts'
import { task } from './define.ts'
import type { Task, TaskContext } from './types.ts'

/**
 * All that a phase has in its hands: what a task has, in the machine, and what is known of the machine's life.
 * `vars` reads all variables of the machine; one that is not set is an error.
 */
export interface PhaseContext<Vars = Readonly<Record<string, unknown>>> extends TaskContext<Vars>, Omit<PhaseFacts, 'failure'> {
  /** zx's `$`, in the machine: `host.$`. */
  readonly $: Shell
}

/** What a phase does in the machine. */
export type PhaseFunction<Vars> = (context: PhaseContext<Vars>) => Promise<unknown> | unknown

/**
 * A step of a machine's life. The default export of dependencies.ts, init.ts, main.ts or terminate.ts in a project's directory.
 *
 * @example
 * export default phase(async ({ $, vars }) => {
 *   await $`git clone ${vars.repository} /usr/local/src/vde`
 * })
 */
export function phase<Vars = Readonly<Record<string, unknown>>>(run: PhaseFunction<Vars>): PhaseDefinition<PhaseContext<Vars>>
export function phase<Vars = Readonly<Record<string, unknown>>>(options: PhaseOptions, run: PhaseFunction<Vars>): PhaseDefinition<PhaseContext<Vars>>
export function phase<Vars>(...parts: [PhaseFunction<Vars>] | [PhaseOptions, PhaseFunction<Vars>]): PhaseDefinition<PhaseContext<Vars>> {
  const [options, run] = parts.length === 1 ? [{}, parts[0]] : parts
  if (typeof run !== 'function') throw new InputError('recipe-option', 'a phase needs a function that does its work', { hint: 'write `phase(async ({ $ }) => { … })`' })
  checkPhase(options)
  // Async, so that what is thrown at once is a failure like any other.
  return { kind: 'phase', options, run: async (context) => run(context) }
}

const OPTIONS = ['description', 'become', 'timeout']

function checkPhase(options: PhaseOptions): void {
  const wrong = (message: string, hint?: string): InputError => new InputError('recipe-option', `phase: ${message}`, { hint })
  for (const option of Object.keys(options)) {
    const near = nearest(option, OPTIONS)
    if (!OPTIONS.includes(option)) throw wrong(`there is no option ${option}`, near === undefined ? `known options: ${OPTIONS.join(', ')}` : `did you mean ${near}?`)
  }
  const { description, become, timeout }: Readonly<Record<string, unknown>> = { ...options }
  if (description !== undefined && (typeof description !== 'string' || description === '')) throw wrong('description is text')
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout > 0)) throw wrong(`timeout is a number of seconds, got ${JSON.stringify(timeout) ?? typeof timeout}`)
  if (become !== undefined && typeof become !== 'boolean' && (typeof become !== 'object' || become === null)) throw wrong('become is true, false, or { user, method }')
}

/** What is known of a machine's life when one of its phases begins; status and failure are found out when they are left out. */
export type PhaseSetting = Omit<PhaseFacts, 'phase' | 'status' | 'failure'> & Partial<Pick<PhaseFacts, 'status' | 'failure'>>

/**
 * The tasks of a loaded phase, for an `include`: one for a `.ts` or a `.sh`, one for each step of a `.yaml`. Who they run as, how long
 * they may take and whether they may fail is the runner's business then, as with any task.
 */
export function phaseTasks(loaded: LoadedPhase, setting: PhaseSetting): Task[] {
  return loaded.parts.map(({ title, become, timeout, ignoreErrors, run }) =>
    task<unknown, unknown>(
      title === loaded.phase ? title : `${loaded.phase}: ${title}`,
      { ...(become !== undefined && { become }), ...(timeout !== undefined && { timeout }), ignoreErrors },
      (context) => run(phaseContext(context, loaded, setting)),
    ),
  )
}

/** A task's context with what a phase knows beyond it. */
function phaseContext(context: TaskContext, { phase: name }: LoadedPhase, setting: PhaseSetting): PhaseHands & PhaseContext {
  // In the `always` of a block the context has the failure that led there.
  const failure = setting.failure ?? context.failure
  const status = setting.status ?? (name !== 'terminate' ? 'running' : failure === undefined ? 'succeeded' : 'failed')
  const { platform, target, project, hypervisorName } = setting
  const facts: PhaseFacts = { phase: name, platform, target, project, hypervisorName, status, failure }
  // Descriptors, since some of the context is made only when it is asked for.
  const all = { ...Object.getOwnPropertyDescriptors(context), ...Object.getOwnPropertyDescriptors({ ...facts, $: context.host.$, vars: allVariables(context) }) }
  return Object.defineProperties({}, all) as PhaseHands & PhaseContext
}

/** The recipe's variables, checked and with their defaults; then all others of the machine. */
function allVariables({ vars, variables }: TaskContext): Readonly<Record<string, unknown>> {
  const own = (typeof vars === 'object' && vars !== null ? vars : {}) as Readonly<Record<string, unknown>>
  return new Proxy(own, {
    has: (_target, name) => typeof name === 'string' && (Object.hasOwn(own, name) || variables.has(name)),
    // Not `then`: whoever awaits this would ask for a variable of that name.
    get: (_target, name) => (typeof name === 'symbol' || name === 'then' ? undefined : Object.hasOwn(own, name) ? own[name] : variables.get(name)),
  })
}
