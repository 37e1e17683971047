/** Several pieces of work at once, none abandoned because another failed. */

/** Waits for all, then throws the first error: nothing is left half done because something else went wrong. */
export async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
