/** Ctrl-C and its kin: the first one ends the work in order, the second one ends it at once. */
import { setMaxListeners } from 'node:events'
import { InterruptedError, SIGNAL_EXIT, type EndingSignal } from '../errors.ts'

const SIGNALS = Object.keys(SIGNAL_EXIT) as readonly EndingSignal[]

/** A signal that is aborted by the first interruption. `dispose` gives the signals their old meaning back. */
export interface Interruption extends Disposable {
  /** Its reason is an InterruptedError that knows the exit code. */
  readonly signal: AbortSignal
}

/** Listens for interruptions. `say` gets a line for the user. */
export function listenForInterruption(say: (line: string) => void): Interruption {
  const controller = new AbortController()
  // Every command on every host listens.
  setMaxListeners(0, controller.signal)
  const interrupt = (name: NodeJS.Signals): void => {
    const signal = SIGNALS.find((known) => known === name) ?? 'SIGINT'
    if (controller.signal.aborted) process.exit(SIGNAL_EXIT[signal])
    say(`${signal === 'SIGINT' ? 'interrupted' : `ended by ${signal}`}; finishing in order (once more: at once)`)
    controller.abort(new InterruptedError(signal === 'SIGINT' ? 'interrupted' : `ended by ${signal}`, { signal }))
  }
  for (const name of SIGNALS) process.on(name, interrupt)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, interrupt)
    },
  }
}
