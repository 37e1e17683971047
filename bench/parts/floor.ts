/**
 * The floor under farm's time: the same guests, started by bare `virsh create` and waited for in the same way.
 * Runs on the lab's controller; reads what to start from standard input and prints the seconds that it took.
 */
import { connect, bindHost } from '../../src/host/index.ts'
import { Hypervisor } from '../../src/hypervisor/index.ts'
import { awaitLogins, type AwaitedMachine } from '../../src/machine/index.ts'

/** What the bench hands over. */
export interface FloorInput {
  readonly address: string
  readonly network: string
  /** Where each machine's document stands on the hypervisor, and how it is logged in to. */
  readonly machines: readonly (Omit<AwaitedMachine, 'startedAt' | 'consoleOffset'> & { readonly document: string })[]
}

const input = JSON.parse(await readAll()) as FloorInput
const signal = AbortSignal.timeout(600_000)
await using connection = await connect({ name: 'anemoi', connection: 'ssh', address: input.address, user: 'root' })
const host = bindHost(connection, { name: 'anemoi', signal, recorder: { check: false, changed: () => undefined, output: () => undefined } })
const logs = input.machines.map((machine) => machine.consoleLog)
const sizes = (await host.query`for log in ${logs}; do stat -c %s "$log" 2>/dev/null || echo 0; done`).stdout.trim().split('\n').map(Number)

const startedAt = performance.now()
const documents = input.machines.map((machine) => machine.document)
const created = host.query`for document in ${documents}; do virsh -q create "$document" & done; wait`
const machines = input.machines.map((machine, index) => ({ ...machine, startedAt, consoleOffset: sizes[index] ?? 0 }))
const waited = awaitLogins(machines, { host, hypervisor: new Hypervisor(host, 'qemu:///system'), network: input.network, timeout: 600, signal, onRung: () => undefined })
await Promise.all([created, waited])
process.stdout.write(`${(performance.now() - startedAt) / 1000}\n`)

async function readAll(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}
