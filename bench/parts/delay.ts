/** A network that is far away: a TCP proxy on loopback that hands on every chunk later. */
import { connect, createServer, type Socket } from 'node:net'

/** Starts a proxy to a port of this machine that adds `delay` ms each way. */
export async function delayProxy(target: number, delay: number): Promise<AsyncDisposable & { readonly port: number }> {
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true })
    for (const [from, to] of [[near, far], [far, near]] as const) {
      open.add(from)
      // Timers of the same length fire in the order in which they were set.
      const later = (work: () => void): void => void setTimeout(work, delay)
      from.on('data', (chunk) => later(() => to.write(chunk)))
      from.once('end', () => later(() => to.end()))
      from.on('error', () => to.destroy())
      from.once('close', () => open.delete(from))
    }
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
