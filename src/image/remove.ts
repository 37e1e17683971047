/** Removing a tree without emptying what is mounted in it. */
import { TaskError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'

/** Exit code of the script below that says "something is mounted there". */
const MOUNTED = 43

/**
 * Removes `path` and all below it; nothing there is fine. A build that was killed may have left mounts, and not every `rm` can stop at them.
 * @throws TaskError image-mounted; nothing is removed then.
 */
export async function removeTree(host: Host, $: Shell, path: string): Promise<void> {
  // The kernel writes spaces and backslashes of mount points as octal numbers.
  const { exitCode, stderr } = await $({ nothrow: true })`
    tree=${path}
    if [ -d "$tree" ] && [ ! -L "$tree" ]; then
      real=$(readlink -f "$tree" | sed 's/\\\\/\\\\134/g; s/ /\\\\040/g')
      if grep -qF -e " $real/" -e " $real " /proc/mounts; then exit ${MOUNTED}; fi
    fi
    rm -rf -- "$tree"`
  if (exitCode === 0) return
  if (exitCode !== MOUNTED) throw new TaskError('image-remove', `${path} cannot be removed`, { host: host.name, details: stderr.trim().split('\n') })
  throw new TaskError('image-mounted', `${path} is not removed: something is mounted in it`, { host: host.name, hint: `find it with grep ${path} /proc/mounts, unmount it, and run the same command again` })
}
