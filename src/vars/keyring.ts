/**
 * The passwords of vaults. There is one keyring at a time: the command line makes it ({@link useKeyring}) before anything is loaded,
 * and whatever meets an encrypted file or value asks it.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { formatLocation, InputError, type Location } from '../errors.ts'
import { expandPath } from '../paths.ts'
import { conceal } from '../secrets.ts'
import { decryptEnvelope, openEnvelope } from './vault.ts'

const HINT = '--ask-vault-pass or --vault-password-file FILE'
/** Read when no password was given; the first that is set counts. */
const VARIABLES = ['FARM_VAULT_PASSWORD_FILE', 'ANSIBLE_VAULT_PASSWORD_FILE'] as const

interface Key {
  readonly id: string | undefined
  readonly password: string
}

/** Passwords, each with or without the id of the vaults that it is for. */
export class VaultKeyring {
  readonly #keys: Key[] = []
  readonly #env: NodeJS.ProcessEnv | undefined
  readonly #opened = new Map<string, string>()
  #envRead = false

  /** @param env names a password file in its FARM_VAULT_PASSWORD_FILE or ANSIBLE_VAULT_PASSWORD_FILE, read on first need and only when no password was added. */
  constructor(env?: NodeJS.ProcessEnv) {
    this.#env = env
  }

  /** Adds a password, as it was typed. @throws InputError when it is empty. */
  add(password: string, id?: string): this {
    if (password === '') throw new InputError('vault-password', 'the vault password is empty', { hint: HINT })
    conceal(password)
    this.#keys.push({ id, password })
    return this
  }

  /**
   * Adds the password that a file holds, white space around it trimmed. An executable file is run and prints the password; one whose
   * name ends in `-client` (before any extension) is given `--vault-id ID`.
   * @throws InputError when the file cannot be read, the program fails, or there is no password.
   */
  addFile(path: string, options: { readonly id?: string | undefined; readonly cwd?: string | undefined } = {}): this {
    const file = expandPath(path, options.cwd)
    const password = (isProgram(file) ? runProgram(file, options.id) : readPassword(file)).trim()
    if (password === '') throw new InputError('vault-password', `there is no vault password in ${file}`, { location: { file } })
    return this.add(password, options.id)
  }

  /**
   * Decrypts a vault: with the passwords of its id first, then with the others. The text is not concealed yet.
   * @throws InputError `vault-password` without any password, `vault-wrong-password` when none fits, `vault-damaged` otherwise.
   */
  decrypt(text: string, location: Location | undefined): string {
    const known = this.#opened.get(text)
    if (known !== undefined) return known
    const where = location ? ` in ${formatLocation(location)}` : ''
    const envelope = openEnvelope(text)
    if (!envelope) throw new InputError('vault-damaged', `the encrypted text${where} is damaged, or of a format that is not 1.1 or 1.2 with AES256`, { location, hint: 'make it anew with ansible-vault' })
    const keys = this.#keysFor(envelope.id)
    const name = envelope.id === undefined ? '' : ` (vault id ${envelope.id})`
    if (keys.length === 0) throw new InputError('vault-password', `there is no password for the encrypted text${where}${name}`, { location, hint: HINT })
    for (const { password } of keys) {
      const plain = decryptEnvelope(envelope, password)
      if (!plain) continue
      const decoded = decode(plain, location)
      this.#opened.set(text, decoded)
      return decoded
    }
    throw new InputError('vault-wrong-password', `${keys.length === 1 ? 'the vault password does not open' : `none of the ${keys.length} vault passwords opens`} the encrypted text${where}${name}`, { location, hint: HINT })
  }

  #keysFor(id: string | undefined): readonly Key[] {
    if (this.#keys.length === 0) this.#readEnv()
    return [...this.#keys.filter((key) => key.id === id), ...this.#keys.filter((key) => key.id !== id)]
  }

  #readEnv(): void {
    if (this.#envRead) return
    this.#envRead = true
    const path = VARIABLES.map((name) => this.#env?.[name]).find(Boolean)
    if (path) this.addFile(path)
  }
}

let current = new VaultKeyring(process.env)

/** Makes a keyring the one that all loading and reading of variables uses. */
export function useKeyring(keyring: VaultKeyring): void {
  current = keyring
}

/** The keyring in use; before {@link useKeyring} one that knows only the environment. */
export function currentKeyring(): VaultKeyring {
  return current
}

function decode(plain: Buffer, location: Location | undefined): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
  } catch {
    throw new InputError('not-utf8', 'the decrypted text is not UTF-8', { location })
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    // Root may execute what nobody may: look at the mode as well.
    return statSync(file).isFile() && (statSync(file).mode & 0o111) !== 0
  } catch {
    return false
  }
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new InputError('vault-password', `cannot read the vault password file ${file}: ${(cause as Error).message}`, { location: { file }, cause })
  }
}

function runProgram(file: string, id: string | undefined): string {
  const args = /-client(?:\.[^.]*)?$/.test(basename(file)) && id !== undefined ? ['--vault-id', id] : []
  const { status, error, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', stdio: ['inherit', 'pipe', 'pipe'] })
  if (status === 0) return stdout
  const why = error ? error.message : `it ended with ${status ?? 'a signal'}`
  throw new InputError('vault-password', `the program ${file} did not print a vault password: ${why}`, { location: { file }, details: stderr ? stderr.trim().split('\n') : [], hint: 'chmod -x a file that holds the password itself' })
}
