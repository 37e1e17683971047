/**
 * One farm at a time on a host, or on something of it. The lock is a `flock` that a process on the host holds for as long as its standard
 * input stays open: whether farm ends well, is killed, or its network goes away, the lock goes with it.
 */
import { PassThrough } from 'node:stream'
import { TaskError, TemporaryError } from '../errors.ts'
import type { Host } from '../host/index.ts'

/** A held lock. */
export interface HostLock extends AsyncDisposable {
  release(): Promise<void>
}

/** A lock of something smaller than the host. */
export interface LockScope {
  /** Letters, digits and hyphens; part of the lock's file name. */
  readonly name: string
  /** What is locked, as people call it. */
  readonly what: string
  /** Seconds to wait for whoever holds it; 0 fails at once. */
  readonly wait: number
}

/** Takes a lock of something on the host. @throws TemporaryError `locked` that names the holder. */
export function lockScope(host: Host, holder: string, scope: LockScope): Promise<HostLock> {
  return take<never>(host, holder, scope, () => undefined)
}

/**
 * Takes the host's lock.
 *
 * @param holder who takes it and for what, shown to whoever finds it taken.
 * @param share asked when somebody holds it; may give something to hold in its place.
 * @throws TemporaryError `host-locked` that names the holder.
 */
export function lockHost<Share extends object = never>(host: Host, holder: string, share: (holder: string) => Share | undefined = () => undefined): Promise<HostLock | Share> {
  return take(host, holder, undefined, share)
}

async function take<Share extends object>(host: Host, holder: string, scope: LockScope | undefined, share: (holder: string) => Share | undefined): Promise<HostLock | Share> {
  const input = new PassThrough()
  // The file is removed by its holder; whoever locked a file that is no longer the one at the path tries again.
  const held = host.query({ input, nothrow: true })`
# Not in /run/lock, where anyone may put a link in the way.
suffix=${scope === undefined ? '' : `-${scope.name}`}; wait=${String(scope?.wait ?? 0)}
file=/run/farm$suffix.lock; [ -w /run ] || file=\${XDG_RUNTIME_DIR:-/tmp}/farm-$(id -u)$suffix.lock
tries=0
command -v flock >/dev/null || { echo "error flock (util-linux) is not installed"; exit 0; }
while :; do
  exec 9>>"$file"
  if ! flock -w "$wait" 9; then
    # Whoever has just taken it writes its name next; whoever gives it back has removed the file.
    text=$(cat "$file" 2>/dev/null || :)
    if [ -z "$text" ] && [ "$tries" -lt 40 ]; then tries=$((tries + 1)); sleep 0.05; continue; fi
    echo "busy $text"; exit 0
  fi
  [ "$file" -ef /proc/self/fd/9 ] && break
done
printf '%s\n' ${holder} >"$file"
echo held
cat >/dev/null
rm -f "$file"
`
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    held.stdout.on('data', (chunk: Buffer | string) => {
      text += String(chunk)
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    held.then((result) => resolve(text.trim() || `error ${result.stderr.trim()}`), reject)
  })
  if (answer !== 'held') {
    input.end()
    await held.catch(() => undefined)
    const other = answer.startsWith('busy ') ? share(answer.slice(5)) : undefined
    if (other !== undefined) return other
    if (!answer.startsWith('busy')) throw new TaskError('lock-failed', `the lock of ${scope?.what ?? host.name} cannot be taken: ${answer.slice(6)}`, { host: host.name })
    if (scope !== undefined) {
      throw new TemporaryError('locked', `another farm is at work on ${scope.what} (${host.name}): ${answer.slice(5) || 'it has not said who it is'}`, { host: host.name, hint: 'wait until it has ended and run the same command again' })
    }
    throw new TemporaryError('host-locked', `another farm is at work on ${host.name}: ${answer.slice(5) || 'it has not said who it is'}`, {
      host: host.name,
      hint: 'wait until it has ended and run the same command again',
    })
  }
  const release = async (): Promise<void> => {
    input.end()
    await held.catch(() => undefined)
  }
  return { release, [Symbol.asyncDispose]: release }
}
