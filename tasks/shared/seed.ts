/** What a guest learns at its first boot, as an image that it finds as a disk of its own. */
import { createHash, randomUUID } from 'node:crypto'
import { generateKeyPair, type Host } from '../../src/host/index.ts'
import { seedIso, type SeedSpec } from '../../src/image/index.ts'

/** All that a guest is told, but for what is new in each seed: its instance and its host key. */
export type Knowledge = Omit<SeedSpec, 'instanceId' | 'hostKey'>

/** QEMU's user network answers DNS here. */
export const USER_NETWORK_DNS = '10.0.2.3'

/** A hash of what a guest is told. */
export function knowledgeHash(knowledge: Knowledge): string {
  return createHash('sha256').update(JSON.stringify(knowledge)).digest('hex').slice(0, 16)
}

/**
 * Writes a machine's seed with a host key that farm makes for it.
 *
 * @returns the public half, for the machine's metadata; in check mode a placeholder.
 */
export async function writeSeed(host: Host, machine: string, path: string, knowledge: Knowledge, templateDirs: readonly string[]): Promise<string> {
  if (host.check) return `ssh-ed25519 (made when ${machine} is)`
  const pair = generateKeyPair(machine)
  const iso = await seedIso({ ...knowledge, instanceId: randomUUID(), hostKey: pair }, [...templateDirs])
  await host.change({ summary: `write seed ${path}` }, () => host.writeFile(path, iso, { mode: 0o600 }))
  return pair.publicKey.trim()
}
