/** Taking away what this layer leaves on a hypervisor. */
import { posix } from 'node:path'
import type { Host } from '../host/index.ts'
import { isImageKey } from './key.ts'
import { removeTree } from './remove.ts'
import { isPartName, MARKER } from './working-dir.ts'

/** Removes unfinished downloads, and the directory if farm has made it and nothing else is in it. A directory of somebody else is left alone. */
export async function removeWorkingFiles(host: Host, workingDir: string): Promise<void> {
  const { stdout } = await host.query`[ -O ${workingDir} ] && cd ${workingDir} 2>/dev/null || exit 0; ls -Ap`
  const names = stdout.split('\n').slice(0, -1)
  const parts = names.filter(isPartName)
  const others = names.filter((name) => name !== MARKER && !isPartName(name))
  const paths = parts.map((name) => posix.join(workingDir, name))
  if (paths.length > 0) await host.change({ summary: `remove ${paths.join(', ')}` }, ($) => $`rm -f -- ${paths}`)
  if (others.length > 0 || !names.includes(MARKER)) return
  await host.change({ summary: `remove directory ${workingDir}` }, ($) => $`rm -f -- ${posix.join(workingDir, MARKER)}; rmdir -- ${workingDir}`)
}

/** The key in the name of each kind of entry, as the cache and the build write them; empty when it is none. */
const keyOf: Readonly<Record<string, (name: string) => string>> = {
  image: (name) => name,
  stage: (name) => /^\.(.+)\.new$/.exec(name)?.[1] ?? '',
  log: (name) => /^(.+)\.log$/.exec(name)?.[1] ?? '',
}

/**
 * Removes the images whose keys are not `inUse`, what an ended run has left, and the cache's directory once it is empty.
 * Only what is named by an image's key is farm's, and only a directory with a record is an image. Resolves with the keys that were removed.
 */
export async function purgeImages(host: Host, cacheDir: string, inUse: ReadonlySet<string>): Promise<string[]> {
  const { stdout } = await host.query`
    cd ${cacheDir} 2>/dev/null || exit 0
    for name in * .[!.]*; do
      if [ -L "$name" ]; then echo "other $name"
      elif [ -d "$name" ] && [ "$name" != "\${name#.}" ]; then echo "stage $name"
      elif [ -f "$name/image.json" ] && [ -f "$name/disk.qcow2" ]; then echo "image $name"
      elif [ -f "$name" ]; then echo "log $name"
      elif [ -e "$name" ]; then echo "other $name"; fi
    done
    echo 'end of list'`
  if (stdout === '') return []
  const entries = stdout.split('\n').slice(0, -2).map((line) => ({ kind: line.slice(0, line.indexOf(' ')), name: line.slice(line.indexOf(' ') + 1) }))
  const gone = entries.filter(({ kind, name }) => isImageKey(keyOf[kind]?.(name) ?? '') && !(kind === 'image' && inUse.has(name)))
  for (const { kind, name } of gone) {
    const path = posix.join(cacheDir, name)
    await host.change({ summary: `remove ${kind === 'image' ? 'image ' : ''}${path}` }, ($) => removeTree(host, $, path))
  }
  if (gone.length === entries.length) await host.change({ summary: `remove directory ${cacheDir}` }, ($) => $`rmdir -- ${cacheDir}; rmdir -- ${ownParents(cacheDir)} 2>/dev/null || :`)
  return gone.filter(({ kind }) => kind === 'image').map(({ name }) => name)
}

/** The directory above, when it is farm's by its name: /var/lib/farm, ~/.cache/farm. It stays as long as anything is in it. */
function ownParents(cacheDir: string): string[] {
  const parent = posix.dirname(cacheDir)
  return posix.basename(parent) === 'farm' ? [parent] : []
}
