/** Ctrl-C and its kin: the first one ends the work in order, the second one ends it at once. */
import { EXIT, InterruptedError } from '../errors.ts'

/** What a shell reports for each signal is 128 plus its number; farm's table has one code for all. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal that is aborted by the first interruption. `dispose` gives the signals their old meaning back. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal
}

/** Listens for interruptions. `say` gets a line for the user. */
export function listenForInterruption(say: (line: string) => void): Interruption {
  const controller = new AbortController()
  const interrupt = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    say(`farm: ${name === 'SIGINT' ? 'interrupted' : `ended by ${name}`}; finishing in order (once more: at once)`)
    controller.abort(new InterruptedError())
  }
  for (const name of SIGNALS) process.on(name, interrupt)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, interrupt)
    },
  }
}
