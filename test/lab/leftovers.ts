/** A lab's directory, and what becomes of it when a test run ends before the lab does. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Short, because unix sockets' paths end at 108 bytes; on the disk, because guests' disks are kept there. */
const PARENT = '/tmp'
const PREFIX = 'farmlab-'

/** Things that have to be undone synchronously when the process is told to end. */
const endings = new Set<() => void>()

/** Makes `/tmp/farmlab-<pid>-…`, after removing the directories of test runs that no longer live. */
export function labDirectory(): string {
  for (const name of readdirSync(PARENT)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !alive(Number(pid))) rmSync(join(PARENT, name), { recursive: true, force: true })
  }
  return mkdtempSync(join(PARENT, `${PREFIX}${process.pid}-`))
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Has `undo` called when the process exits or is told to; the returned function forgets it. */
export function atEnd(undo: () => void): () => void {
  if (endings.size === 0) listen()
  endings.add(undo)
  return () => void endings.delete(undo)
}

let listening = false
function listen(): void {
  if (listening) return
  listening = true
  const end = (): void => {
    for (const undo of endings) undo()
    endings.clear()
  }
  process.on('exit', end)
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
    process.once(signal, () => {
      end()
      process.exit(code)
    })
  }
}
