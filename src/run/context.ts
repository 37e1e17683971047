/** What a task has in its hands: made anew for each attempt, from the host's run. */
import { lazyEnsure } from '../ensure/lazy.ts'
import { TaskError } from '../errors.ts'
import type { EventBody, Failure } from '../events.ts'
import { bindHost, factsOf, type Become, type Connection, type Recorder } from '../host/index.ts'
import { Hypervisor, libvirtUri, type HypervisorMemory } from '../hypervisor/index.ts'
import { Skipped, type Notified, type Task, type TaskContext, type TaskResult } from '../recipe/index.ts'
import { untrusted } from '../vars/index.ts'
import type { HostRun } from './host-run.ts'

/** Where and how one attempt works. */
export interface Place {
  /** The host that is worked on, by its inventory name. */
  readonly at: string
  readonly connection: Connection
  readonly become: Become | undefined
  readonly memory: HypervisorMemory
  readonly signal: AbortSignal
  readonly failure: Failure | undefined
  /** What is set is set for all hosts: the task runs once for them. */
  readonly forAll: boolean
}

/** Makes the context of one attempt. */
export function contextOf(run: HostRun, task: Task, place: Place): { readonly context: TaskContext; changed(): boolean } {
  const { options, host: name } = run
  const emit = (event: EventBody): void => options.emit(event)
  const at = { host: name, task: task.name }
  const check = task.options.check ?? options.check
  let changed = false
  const recorder: Recorder = {
    check,
    changed(change, applied) {
      changed = true
      emit({ type: 'change', ...at, change, applied })
    },
    output: (stream, line) => emit({ type: 'output', ...at, stream, line }),
  }
  const host = bindHost(place.connection, { name: place.at, recorder, signal: place.signal, ...(place.become && { become: place.become }) })
  let hypervisor: Hypervisor | undefined
  let ensure: TaskContext['ensure'] | undefined
  const context: TaskContext = {
    host,
    inventoryHost: name,
    get hypervisor() {
      return (hypervisor ??= new Hypervisor(host, libvirtUri(run.vars), place.memory))
    },
    get ensure() {
      return (ensure ??= lazyEnsure({ host, templateDirs: options.templateDirs, projectDir: options.projectDir, variables: run.vars, signal: place.signal }))
    },
    get vars() {
      return run.vars
    },
    variables: options.variables.of(name),
    check,
    signal: place.signal,
    get hosts() {
      return options.batch.left
    },
    templateDirs: options.templateDirs,
    owner: options.owner,
    failure: place.failure,
    again: options.again,
    note: (...words: [string] | ['info' | 'warning', string]) => {
      const [level, message] = words.length === 1 ? (['info', words[0]] as const) : words
      emit({ type: 'note', level, message: String(message), ...at })
    },
    progress: (message) => emit({ type: 'progress', ...at, message }),
    rung: (machine, rung, seconds, detail) => emit({ type: 'rung', ...at, machine, rung, seconds, detail }),
    result: (lines, data) => emit({ type: 'result', host: name, lines, data }),
    skip(reason) {
      throw new Skipped(reason)
    },
    fail(message, hint) {
      throw new TaskError('failed', message, { host: name, hint })
    },
    async facts() {
      const facts = await factsOf(host)
      run.found(facts)
      return facts
    },
    notify: (notified: Notified) => run.notify(notified),
    resultOf: <Value>(of: Task<never, Value>) => run.results.get(of as unknown as Task) as TaskResult<Value> | undefined,
    setVariables: (values) => run.set(values, place.forAll),
    shared: (key, make) => options.shared.get(key, make),
    disconnect: (other = place.at) => run.disconnect(other),
    withinLimit: (host, groups = []) => options.limit.leaves(host, groups),
    async shell(connection = place.connection) {
      if (options.lendTerminal === undefined) throw new TaskError('no-terminal', 'a shell needs a terminal', { host: name, hint: 'standard input and standard output have to be a terminal' })
      return options.lendTerminal(() => {
        // The wait for the terminal may have been long.
        place.signal.throwIfAborted()
        return connection.interactive()
      })
    },
    addHost(host, { groups = [], variables = {}, precedence } = {}) {
      options.inventory.addHost(host, { groups, variables: untrusted(variables) as Record<string, unknown>, ...(precedence && { precedence }) })
      options.variables.forget()
    },
    addToGroup(group) {
      options.inventory.addToGroup(name, group)
      options.variables.forget()
    },
  }
  return { context, changed: () => changed }
}
