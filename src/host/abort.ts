/** Waiting for an interruption, however many wait for the same one. */

const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back when a signal is aborted; the returned function calls that off. A signal has one listener, whoever waits: a run
 * has one signal for all of its hosts and commands, and Node warns of more than ten listeners, each of which it has to search.
 */
export function onAbort(signal: AbortSignal | undefined, call: () => void): () => void {
  if (signal === undefined) return () => undefined
  let calls = waiting.get(signal)
  if (calls === undefined) {
    const all = (calls = new Set<() => void>())
    waiting.set(signal, all)
    signal.addEventListener('abort', () => [...all].forEach((one) => one()), { once: true })
  }
  const mine = (): void => call()
  calls.add(mine)
  return () => void calls.delete(mine)
}
