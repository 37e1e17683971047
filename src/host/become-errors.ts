/** Why a command could not be run as another user, from what the method said. */
import { TaskError } from '../errors.ts'
import { lastLines } from './output.ts'
import type { Become } from './types.ts'

/** What is known about a refusal. */
export interface BecomeFacts {
  readonly host: string
  readonly become: Become
  /** What was noticed: a prompt without a password to give, a second prompt, silence, or the method's end. */
  readonly kind: 'password-needed' | 'password-wrong' | 'timeout' | 'refused'
  /** What the method printed, in the C locale. */
  readonly said: string
  readonly code?: number | null | undefined
  /** Whether a password was given. */
  readonly answered?: boolean
}

/** The error for a refusal: codes begin with `become-`. */
export function becomeError({ host, become, kind, said, code, answered = false }: BecomeFacts): TaskError {
  const { method, user } = become
  const error = (name: string, what: string, hint?: string): TaskError =>
    new TaskError(`become-${name}`, `cannot become ${user} by ${method}: ${what}`, { host, hint, details: lastLines(said) })
  const needed = (): TaskError =>
    method === 'doas'
      ? error('password-needed', 'it wants a password', 'permit it without one in /etc/doas.conf (`permit nopass …`), or use ansible_become_method: sudo')
      : error('password-needed', 'it wants a password', 'type it with -K (--ask-become-pass), set ansible_become_password, or allow it without (NOPASSWD for sudo)')
  const wrong = (): TaskError => error('password-wrong', 'the password is wrong', 'correct ansible_become_password')

  if (kind === 'password-needed') return needed()
  if (kind === 'password-wrong') return wrong()
  if (kind === 'timeout') return error('timeout', 'nothing happened within 20 s', `run ${method} by hand on the host to see what it waits for`)
  if (code === 127 || code === 126) {
    return error('method-missing', `${method} is not installed`, `install ${method} on the host, or set ansible_become_method`)
  }
  if (/unknown user|user \S+ does not exist|invalid user|no passwd entry/i.test(said)) return error('user-unknown', 'there is no such user', 'correct ansible_become_user')
  if (/not in the sudoers|not allowed to|may not run|Operation not permitted|no new privileges|setuid|must be owned by|permission denied$/im.test(said)) {
    return error('not-allowed', 'the login user is not allowed to', `allow it in ${method === 'doas' ? '/etc/doas.conf' : '/etc/sudoers'}, or log in as another user`)
  }
  if (/password is required|a terminal is required|(Authorization|Authentication) required|a tty is required/i.test(said)) return answered ? wrong() : needed()
  if (/try again|incorrect password|authentication failure|authentication failed/i.test(said)) return answered ? wrong() : needed()
  return error('failed', `it ended with exit code ${code ?? 'unknown'}`)
}
