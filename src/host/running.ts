/** All commands that run at this moment, on whatever host: for the one case in which farm ends without waiting for them. */

/** What there is to know of a command here. */
export interface Killable {
  kill(signal: NodeJS.Signals): boolean
}

const running = new Set<Killable>()
/** Told when the last command has ended; set once all are to be killed. */
let emptied: (() => void) | undefined

/** Takes note of a command that begins. One that begins while all are being killed is killed as soon as it can be. */
export function began(command: Killable): void {
  running.add(command)
  if (emptied !== undefined) queueMicrotask(() => command.kill('SIGKILL'))
}

/** Takes note of its end. */
export function ended(command: Killable): void {
  running.delete(command)
  if (running.size === 0) emptied?.()
}

/** Kills all commands, and those that still begin. Resolves when none is left, after `patience` milliseconds at the latest. */
export function killAll(patience: number): Promise<void> {
  return new Promise((resolve) => {
    emptied = resolve
    setTimeout(resolve, patience)
    if (running.size === 0) resolve()
    for (const command of running) command.kill('SIGKILL')
  })
}
