/** Role: temporary files go; with vm_purge_image_cache also images that nobody uses. */
import { TaskError } from '../../src/errors.ts'
import { backingChain, filesIn } from '../../src/hypervisor/index.ts'
import type { UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { purgeImages, removeWorkingFiles } from '../../src/image/index.ts'
import { OWN_DIRECTORY } from '../shared/cluster.ts'

export const cleanUp = task<UnprovisionVars>('cleanup-tmp-workdir: remove temporary files', async ({ host, vars }) => {
  await removeWorkingFiles(host, vars.vm_working_dir)
  const consoles = vars.vm_console_dir
  const ours = await host.query({ nothrow: true })`[ "$(ls -A ${consoles} 2>/dev/null)" = ${OWN_DIRECTORY} ]`
  if (ours.exitCode === 0) await host.change({ summary: `remove directory ${consoles}` }, ($) => $`rm -f -- ${consoles}/${OWN_DIRECTORY}; rmdir -- ${consoles}`)
})

export const purgeCache = task<UnprovisionVars>('cleanup-tmp-workdir: purge the image cache', async ({ host, hypervisor, vars, skip }) => {
  if (!vars.vm_purge_image_cache) skip('verified images are kept; vm_purge_image_cache: true removes those that no machine uses')
  const cache = vars.vm_image_cache
  // Silence must not pass for "nobody uses them".
  const answer = await hypervisor.virsh.version()
  if (answer.version === undefined) throw new TaskError('libvirt-silent', `the image cache is not purged, since libvirt does not say who uses it: ${answer.reason}`, { host: host.name, hint: 'start libvirt and run again' })
  const domains = [...(await hypervisor.domains.list()).values()]
  const files = domains.flatMap((domain) => filesIn(domain.document))
  const chains = await Promise.all(files.map((file) => backingChain(hypervisor.virsh, file)))
  const inUse = new Set([...files, ...chains.flat()].filter((file) => file.startsWith(`${cache}/`)).map((file) => file.slice(cache.length + 1).split('/')[0] ?? ''))
  for (const domain of domains) if (domain.mark !== undefined) inUse.add(domain.mark.image)
  await purgeImages(host, cache, inUse)
})
