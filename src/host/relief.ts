/**
 * Buffers lie outside the heap by whose size the collector judges when to run: a hundred megabytes of output leave many times what
 * is in use behind, as dead buffers that have grown old. A collection now and then keeps it at a few.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of output between two collections. */
const EVERY = 16 << 20

type Collect = () => void

let passed = 0
let collect: Collect | undefined

/** Told of output that was read and is done with. */
export function relieve(bytes: number): void {
  passed += bytes
  if (passed < EVERY) return
  passed = 0
  collect ??= collector()
  collect()
}

function collector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
