/** Fewer and larger writes to a socket. */
import type { Writable } from 'node:stream'

/**
 * Lets what is written in one breath leave in one piece. Without its native part the SSH library writes each packet in
 * three, and with Nagle's algorithm off each of them is a system call here, a segment on the wire and a wake-up over there.
 */
export function gatherWrites(socket: Writable): void {
  const write = socket.write as (...args: unknown[]) => boolean
  let held = false
  const release = (): void => {
    held = false
    socket.uncork()
  }
  socket.write = (...args: unknown[]): boolean => {
    if (!held) {
      held = true
      socket.cork()
      process.nextTick(release)
    }
    return write.apply(socket, args)
  }
}
