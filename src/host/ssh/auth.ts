/** The ways in which farm proves to a host who it is, in the order in which they are tried. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import ssh2, { type AnyAuthMethod, type AuthenticationType, type NextAuthHandler, type ParsedKey } from 'ssh2'
import { InputError } from '../../errors.ts'
import type { Hop } from './route.ts'

/** One way to log in, with its name for messages. */
export interface Attempt {
  readonly name: string
  /** SSH's name of the method, as servers list them. */
  readonly method: 'publickey' | 'password' | 'keyboard-interactive'
  readonly auth: AnyAuthMethod
}

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa']

/**
 * Gathers what can be tried: the keys asked for, the agent's, the usual ones of `~/.ssh`, the password.
 * @throws InputError `identity-file` for a key asked for that is missing, encrypted, or no key
 */
export function attempts(hop: Hop): Attempt[] {
  const username = hop.user
  const list: Attempt[] = []
  const add = (path: string, key: ParsedKey): void => void list.push({ name: `key ${path}`, method: 'publickey', auth: { type: 'publickey', username, key } })
  for (const path of hop.identityFiles) {
    const key = readKey(path)
    if (key instanceof Error) {
      // The agent may hold what the file keeps locked.
      if (key.name === 'Encrypted' && hop.agent !== undefined) continue
      throw new InputError('identity-file', `cannot use the private key ${path}: ${key.message}`, {
        host: hop.hostKey.host,
        hint: key.name === 'Encrypted' ? `unlock it into an agent first: eval "$(ssh-agent)" && ssh-add ${path}` : undefined,
      })
    }
    add(path, key)
  }
  if (hop.agent !== undefined) list.push({ name: 'ssh-agent', method: 'publickey', auth: { type: 'agent', username, agent: hop.agent } })
  if (hop.defaultKeys) {
    for (const name of DEFAULT_KEYS) {
      const path = join(homedir(), '.ssh', name)
      const key = hop.identityFiles.includes(path) ? undefined : readKey(path)
      if (key !== undefined && !(key instanceof Error)) add(path, key)
    }
  }
  const password = hop.password
  if (password !== undefined) {
    list.push({ name: 'password', method: 'password', auth: { type: 'password', username, password } })
    // Servers that ask through PAM often offer this one only.
    let asked = false
    const prompt = (...args: unknown[]): void => {
      const prompts = args[3] as readonly unknown[]
      const finish = args[4] as (answers: string[]) => void
      finish(asked ? [] : prompts.map(() => password))
      asked = prompts.length > 0
    }
    list.push({ name: 'password (keyboard-interactive)', method: 'keyboard-interactive', auth: { type: 'keyboard-interactive', username, prompt } as AnyAuthMethod })
  }
  return list
}

/** Hands out the attempts one by one, passing over what the server does not offer; `tried` collects their names. */
export function authHandler(list: readonly Attempt[], tried: string[]): (left: AuthenticationType[] | null, partial: boolean | null, next: NextAuthHandler) => void {
  const queue = [...list]
  return (left, _partial, next) => {
    for (let attempt = queue.shift(); attempt !== undefined; attempt = queue.shift()) {
      if (left !== null && left.length > 0 && !left.includes(attempt.method)) continue
      tried.push(attempt.name)
      return next(attempt.auth)
    }
    // The library's word for "no more"; its types forget it.
    next(false as unknown as AuthenticationType)
  }
}

function readKey(path: string): ParsedKey | Error {
  let text: Buffer
  try {
    text = readFileSync(path)
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause))
  }
  const parsed = ssh2.utils.parseKey(text)
  const key: ParsedKey | Error | undefined = Array.isArray(parsed) ? parsed[0] : parsed
  if (key === undefined) return new Error('there is no key in it')
  if (key instanceof Error) return /encrypted|passphrase/i.test(key.message) ? Object.assign(new Error('it is locked by a passphrase'), { name: 'Encrypted' }) : key
  return key.isPrivateKey() ? key : new Error('it holds a public key')
}
