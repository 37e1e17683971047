/** The event stream for scripts: one JSON object a line, and nothing else. */
import type { Writable } from 'node:stream'
import type { EventSink } from '../events.ts'

/** Writes every event as it comes. */
export function jsonSink(out: Writable): EventSink {
  return (event) => {
    out.write(`${JSON.stringify(event)}\n`)
  }
}
