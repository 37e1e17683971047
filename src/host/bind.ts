/** A host as a task sees it: a connection, with the task's privilege, reporting to the task's recorder. */
import { readState, writeState } from './files.ts'
import { spawnAs } from './privilege.ts'
import { createShell, firstLine } from './shell.ts'
import { diverted } from './transfer.ts'
import type { Become, Connection, Host, Recorder } from './types.ts'

/** Bytes kept of what a changing command prints: its end, for errors. What is kept of a query is all. */
const KEEP = { change: 4 << 20, query: 64 << 20 }

/** What a task adds to a connection. */
export interface Binding {
  /** Inventory name; the connection's own when undefined. */
  readonly name?: string | undefined
  readonly become?: Become | undefined
  readonly recorder: Recorder
  /** Ends what runs, and starts nothing more. */
  readonly signal?: AbortSignal | undefined
}

const bindings = new WeakMap<Host, Binding>()

/** What a host was bound with, for what several tasks share: it is as whom each works and what interrupts it that tells them apart. */
export function bindingOf(host: Host): Binding {
  return bindings.get(host) ?? { recorder: { check: host.check, changed: () => undefined, output: () => undefined } }
}

/** Binds a connection to a task. Many hosts can be bound to one connection. */
export function bindHost(connection: Connection, { name = connection.spec.name, become, recorder, signal }: Binding): Host {
  const engine = { host: name, signal, spawn: (script: string) => spawnAs(connection, become, script) }
  const query = createShell({ ...engine, keep: KEEP.query, whole: true })
  const line = (stream: 'stdout' | 'stderr', text: string): void => recorder.output(stream, text)
  const apply = createShell({ ...engine, keep: KEEP.change, line })
  const silent = createShell({ ...engine, keep: KEEP.change })
  const check = recorder.check
  const starting = (command: string): boolean => {
    recorder.changed({ summary: firstLine(command) }, !check)
    return !check
  }

  const host: Host = {
    name,
    connection,
    check,
    query,
    lasting: createShell({ ...engine, signal: undefined, keep: KEEP.query }),
    queryInto: (sink) => createShell({ ...engine, keep: 0, spawn: (script) => diverted(engine.spawn(script), sink) }),
    $: createShell({ ...engine, keep: KEEP.change, starting, line }),
    async change(change, run) {
      recorder.changed(change, !check)
      if (!check) await run(apply)
      return !check
    },
    readFile: async (path) => (await readState(query, name, path))?.content,
    async writeFile(path, content, { mode = 0o644 } = {}) {
      if (!check) await writeState(silent, name, path, content, { mode })
    },
    async ensureFile(path, content, { mode = 0o644, title = path } = {}) {
      const before = await readState(query, name, path)
      if (before?.content === content && before.mode === mode) return false
      const summary = before === undefined ? `create ${path}` : before.content === content ? `set the mode of ${path} to ${mode.toString(8)}` : `write ${path}`
      await host.change({ summary, diff: { title, before: before?.content ?? '', after: content } }, () => host.writeFile(path, content, { mode }))
      return true
    },
  }
  bindings.set(host, { name, become, recorder, signal })
  return host
}
