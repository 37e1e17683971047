/** Ctrl-C and its kin: the first one ends the work in order, the second one kills what runs and ends at once, the third one does not even do that. */
import { setMaxListeners } from 'node:events'
import { InterruptedError, SIGNAL_EXIT, type EndingSignal } from '../errors.ts'
import { killAll } from '../host/running.ts'

const SIGNALS = Object.keys(SIGNAL_EXIT) as readonly EndingSignal[]

/** Milliseconds for the hosts to learn that their commands are killed. */
const PATIENCE = 200

/** A signal that is aborted by the first interruption. `dispose` gives the signals their old meaning back. */
export interface Interruption extends Disposable {
  /** Its reason is an InterruptedError that knows the exit code. */
  readonly signal: AbortSignal
  /** Ends the work in order, for another reason than a signal. */
  end(reason: InterruptedError): void
}

/** Listens for interruptions. `say` gets a line for the user. */
export function listenForInterruption(say: (line: string) => void): Interruption {
  const controller = new AbortController()
  // Every command on every host listens.
  setMaxListeners(0, controller.signal)
  let killing = false
  const interrupt = (name: NodeJS.Signals): void => {
    const signal = SIGNALS.find((known) => known === name) ?? 'SIGINT'
    if (killing) process.exit(SIGNAL_EXIT[signal])
    if (controller.signal.aborted) {
      killing = true
      void killAll(PATIENCE).then(() => process.exit(SIGNAL_EXIT[signal]))
      return
    }
    say(`${signal === 'SIGINT' ? 'interrupted' : `ended by ${signal}`}; finishing in order (once more: at once)`)
    controller.abort(new InterruptedError(signal === 'SIGINT' ? 'interrupted' : `ended by ${signal}`, { signal }))
  }
  for (const name of SIGNALS) process.on(name, interrupt)
  return {
    signal: controller.signal,
    end: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, interrupt)
    },
  }
}
