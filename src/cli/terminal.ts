/** The user's terminal, which the report gives up while somebody else has it. */
import type { Report } from '../report/index.ts'

/** Makes what lends it: to one after the other, in the order in which they ask; the report goes on after each. */
export function lender(report: Report): <Value>(work: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(async () => {
      await report.suspend?.()
      try {
        return await work()
      } finally {
        report.resume?.()
      }
    })
    last = mine.catch(() => undefined)
    return mine
  }
}
