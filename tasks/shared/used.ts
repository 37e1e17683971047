/** Files that must outlive a machine's removal, since other machines stand on them. */
import { backingChain, filesIn, type Domain, type Hypervisor } from '../../src/hypervisor/index.ts'

/** All files that machines use, with those below their disks. */
export async function filesUsedBy(hypervisor: Hypervisor, domains: readonly Domain[]): Promise<ReadonlySet<string>> {
  const files = domains.flatMap((domain) => filesIn(domain.document))
  const below = await Promise.all(files.map((file) => backingChain(hypervisor.virsh, file)))
  return new Set([...files, ...below.flat()])
}

/** Keys of the images in a cache on which some machine stands. */
export async function imagesInUse(hypervisor: Hypervisor, cache: string): Promise<Set<string>> {
  const domains = [...(await hypervisor.domains.list()).values()]
  const files = [...(await filesUsedBy(hypervisor, domains))].filter((file) => file.startsWith(`${cache}/`))
  return new Set([...files.map((file) => file.slice(cache.length + 1).split('/')[0] ?? ''), ...domains.flatMap(({ mark }) => mark?.image ?? [])])
}
