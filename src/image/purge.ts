/** Taking away what this layer leaves on a hypervisor. */
import { posix } from 'node:path'
import type { Host } from '../host/index.ts'

/** Removes unfinished downloads, and the directory if nothing else is in it. */
export async function removeWorkingFiles(host: Host, workingDir: string): Promise<void> {
  const { stdout } = await host.query`cd ${workingDir} 2>/dev/null || exit 0; echo .; ls -A`
  const [there, ...names] = stdout.split('\n').slice(0, -1)
  if (there === undefined) return
  const parts = names.filter((name) => name.endsWith('.part')).map((name) => posix.join(workingDir, name))
  if (parts.length > 0) await host.change({ summary: `remove ${parts.join(', ')}` }, ($) => $`rm -f -- ${parts}`)
  if (parts.length === names.length) await host.change({ summary: `remove directory ${workingDir}` }, ($) => $`rmdir -- ${workingDir}`)
}

/**
 * Removes the images whose keys are not `inUse`, what an ended run has left, and the cache's directory once it is empty.
 * Only directories with an image's record are taken for images. Resolves with the keys that were removed.
 */
export async function purgeImages(host: Host, cacheDir: string, inUse: ReadonlySet<string>): Promise<string[]> {
  const { stdout } = await host.query`
    cd ${cacheDir} 2>/dev/null || exit 0
    for name in * .[!.]*; do
      if [ -f "$name/image.json" ] && [ -f "$name/disk.qcow2" ]; then echo "image $name"
      elif [ -d "$name" ] && [ "$name" != "\${name#.}" ] && [ "$name" != "\${name%.new}" ]; then echo "rest $name"
      elif [ -f "$name" ] && [ "$name" != "\${name%.log}" ]; then echo "rest $name"
      elif [ -e "$name" ]; then echo "other $name"; fi
    done
    echo 'end of list'`
  if (stdout === '') return []
  const entries = stdout.split('\n').slice(0, -2).map((line) => ({ kind: line.slice(0, line.indexOf(' ')), name: line.slice(line.indexOf(' ') + 1) }))
  const gone = entries.filter(({ kind, name }) => kind === 'rest' || (kind === 'image' && !inUse.has(name)))
  for (const { kind, name } of gone) {
    const path = posix.join(cacheDir, name)
    await host.change({ summary: `remove ${kind === 'image' ? 'image ' : ''}${path}` }, ($) => $`rm -rf --one-file-system -- ${path}`)
  }
  if (gone.length === entries.length) await host.change({ summary: `remove directory ${cacheDir}` }, ($) => $`rmdir -- ${cacheDir}`)
  return gone.filter(({ kind }) => kind === 'image').map(({ name }) => name)
}
