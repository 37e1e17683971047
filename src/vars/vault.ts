/**
 * Ansible's vault, formats 1.1 and 1.2 with the cipher AES256, the only one that they have. A header line
 * (`$ANSIBLE_VAULT;1.1;AES256`, or `;1.2;AES256;ID`) stands before hexadecimal lines; these hold, in hexadecimal again and each on a
 * line of its own, a salt, an HMAC-SHA256 and the ciphertext. PBKDF2-HMAC-SHA256 makes 80 bytes of password and salt: the key of
 * AES-256-CTR, the key of the HMAC over the ciphertext, and the initial counter. The plain text is padded as PKCS #7 has it.
 * Format described in Ansible's documentation ("Ansible Vault payload format").
 */
import { createCipheriv, createDecipheriv, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

const HEADER = /^\$ANSIBLE_VAULT;(1\.[12]);AES256(?:;([^\s;]+))?$/
const ROUNDS = 10_000
const BLOCK = 16
const LINE = 80

/** A vault's parts. */
export interface Envelope {
  /** The label of its password; only in format 1.2. */
  readonly id: string | undefined
  readonly salt: Buffer
  readonly hmac: Buffer
  readonly ciphertext: Buffer
}

/** True for texts that begin as a vault does, whatever follows. */
export function isVaultText(text: string): boolean {
  return text.startsWith('$ANSIBLE_VAULT;')
}

/** Takes a vault apart; undefined when it is damaged or of an unknown format. */
export function openEnvelope(text: string): Envelope | undefined {
  const [header = '', ...lines] = text.trim().split(/\r?\n/).map((line) => line.trim())
  const known = HEADER.exec(header)
  if (!known) return undefined
  const inner = fromHex(lines.join(''))?.toString('latin1').split('\n')
  const [salt, hmac, ciphertext] = (inner ?? []).map(fromHex)
  if (inner?.length !== 3 || !salt?.length || hmac?.length !== 32 || !ciphertext?.length) return undefined
  return { id: known[1] === '1.2' ? known[2] : undefined, salt, hmac, ciphertext }
}

/** The text behind an envelope; undefined when the password is not its own (or the vault was changed: the two look the same). */
export function decryptEnvelope({ salt, hmac, ciphertext }: Envelope, password: string): Buffer | undefined {
  const keys = keysOf(password, salt)
  if (!timingSafeEqual(createHmac('sha256', keys.hmac).update(ciphertext).digest(), hmac)) return undefined
  const decipher = createDecipheriv('aes-256-ctr', keys.cipher, keys.counter)
  const padded = Buffer.concat([decipher.update(ciphertext), decipher.final()])
  const padding = padded.at(-1) ?? 0
  return padding >= 1 && padding <= BLOCK && padding <= padded.length ? padded.subarray(0, padded.length - padding) : undefined
}

/**
 * Encrypts a text as `ansible-vault encrypt` does: format 1.1, or 1.2 when an id is given. Ends with a newline.
 * @param options `salt` is for tests; 32 random bytes when not given.
 */
export function encryptVault(text: string, password: string, options: { readonly id?: string | undefined; readonly salt?: Buffer } = {}): string {
  const salt = options.salt ?? randomBytes(32)
  const keys = keysOf(password, salt)
  const plain = Buffer.from(text)
  const padding = BLOCK - (plain.length % BLOCK)
  const cipher = createCipheriv('aes-256-ctr', keys.cipher, keys.counter)
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()])
  const hmac = createHmac('sha256', keys.hmac).update(ciphertext).digest()
  const body = Buffer.from([salt, hmac, ciphertext].map((part) => part.toString('hex')).join('\n')).toString('hex')
  const header = options.id === undefined ? '$ANSIBLE_VAULT;1.1;AES256' : `$ANSIBLE_VAULT;1.2;AES256;${options.id}`
  return `${[header, ...(body.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [])].join('\n')}\n`
}

interface Keys {
  readonly cipher: Buffer
  readonly hmac: Buffer
  readonly counter: Buffer
}

function keysOf(password: string, salt: Buffer): Keys {
  const derived = pbkdf2Sync(password, salt, ROUNDS, 80, 'sha256')
  return { cipher: derived.subarray(0, 32), hmac: derived.subarray(32, 64), counter: derived.subarray(64) }
}

function fromHex(text: string): Buffer | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? Buffer.from(text, 'hex') : undefined
}
