/** One farm at a time on a host, or on something of it; see lock-keeper.ts for how locks are held. */
import { TemporaryError } from '../errors.ts'
import { bindingOf, type Host } from '../host/index.ts'
import { LockKeeper } from './lock-keeper.ts'

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
export async function lockScope(host: Host, holder: string, { name, what, wait }: LockScope): Promise<HostLock> {
  const answer = await LockKeeper.of(host).take({ file: `@-${name}`, holder, wait, signal: bindingOf(host).signal })
  if (answer.held) return lockOf(answer.release)
  throw new TemporaryError('locked', `another farm is at work on ${what} (${host.name}): ${answer.holder || 'it has not said who it is'}`, { host: host.name, hint: 'wait until it has ended and run the same command again' })
}

/**
 * Takes the host's lock.
 *
 * @param holder who takes it and for what, shown to whoever finds it taken.
 * @param share asked when somebody holds it; may give something to hold in its place.
 * @throws TemporaryError `host-locked` that names the holder.
 */
export async function lockHost<Share extends object = never>(host: Host, holder: string, share: (holder: string) => Share | undefined = () => undefined): Promise<HostLock | Share> {
  const answer = await LockKeeper.of(host).take({ file: '@', holder, wait: 0 })
  if (answer.held) return lockOf(answer.release)
  const other = share(answer.holder)
  if (other !== undefined) return other
  throw new TemporaryError('host-locked', `another farm is at work on ${host.name}: ${answer.holder || 'it has not said who it is'}`, {
    host: host.name,
    hint: 'wait until it has ended and run the same command again',
  })
}

function lockOf(release: () => Promise<void>): HostLock {
  return { release, [Symbol.asyncDispose]: release }
}
