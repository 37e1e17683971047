/** The keys with which farm and its user log in to machines. */
import { existsSync } from 'node:fs'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { generateKeyPair, publicKeyOf } from '../host/index.ts'
import { dataDir, expandPath } from '../paths.ts'

/** The public key that machines are given, and the private key that goes with it where it is on the controller. */
export interface LoginKey {
  /** An OpenSSH public key line. */
  readonly publicKey: string
  /** Path of the private key; undefined when only an agent can have it. */
  readonly identityFile: string | undefined
}

const PUBLIC_KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[\w-]+@openssh\.com) [A-Za-z0-9+/]+=*( .*)?$/

/**
 * Reads the public key that a variable names, or farm's own.
 *
 * @param path `ssh_pub_key`; undefined means farm's own pair, made on first use.
 * @throws InputError `ssh-key` when the file is missing or holds no public key; a private key is refused by name.
 */
export async function loginKey(path: string | undefined): Promise<LoginKey> {
  if (path === undefined) return ownKey()
  const file = expandPath(path)
  let text: string
  try {
    text = (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new InputError('ssh-key', `ssh_pub_key: ${path} cannot be read on this controller`, { cause, hint: `make a pair with "ssh-keygen -t ed25519 -f ${path.replace(/\.pub$/, '')}", or leave ssh_pub_key out to use farm's own` })
  }
  if (text.includes('PRIVATE KEY')) throw new InputError('ssh-key', `ssh_pub_key: ${path} is a private key; machines are given public ones`, { hint: `set ssh_pub_key: ${path}.pub` })
  if (!PUBLIC_KEY.test(text)) throw new InputError('ssh-key', `ssh_pub_key: ${path} holds no OpenSSH public key`, { hint: 'it has to be one line such as "ssh-ed25519 AAAA… me@laptop"' })
  const identity = file.replace(/\.pub$/, '')
  return { publicKey: text, identityFile: identity !== file && existsSync(identity) ? identity : undefined }
}

/** Path of farm's own private key. */
export function ownIdentityFile(): string {
  return join(dataDir(), 'id_ed25519')
}

/** farm's own pair as far as it exists; for check mode, which makes nothing. */
export async function existingKey(): Promise<LoginKey> {
  return existsSync(ownIdentityFile()) ? ownKey() : { publicKey: '(made with the first machine)', identityFile: undefined }
}

async function ownKey(): Promise<LoginKey> {
  const identityFile = ownIdentityFile()
  if (!existsSync(identityFile)) {
    await mkdir(dataDir(), { recursive: true, mode: 0o700 })
    const pair = generateKeyPair('farm')
    const temporary = `${identityFile}.${process.pid}`
    await writeFile(temporary, pair.privateKey, { mode: 0o600 })
    await chmod(temporary, 0o600)
    // link() refuses to replace: of two farms that start at once, one key wins and both use it.
    await link(temporary, identityFile).catch(() => undefined)
    await rm(temporary)
  }
  return { publicKey: publicKeyOf(await readFile(identityFile, 'utf8'), 'farm'), identityFile }
}

/**
 * Reads the CA certificate that machines shall trust.
 *
 * @throws InputError `ca-certificate` when it is missing or no PEM certificate.
 */
export async function caCertificate(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  let text: string
  try {
    text = await readFile(expandPath(path), 'utf8')
  } catch (cause) {
    throw new InputError('ca-certificate', `domain_ca_cert: ${path} cannot be read on this controller`, { cause, hint: 'correct the path, or leave domain_ca_cert out' })
  }
  if (!/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(text)) throw new InputError('ca-certificate', `domain_ca_cert: ${path} holds no certificate in PEM form`)
  return text
}
