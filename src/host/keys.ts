/** SSH key pairs that farm makes itself: for logging in to machines, and as machines' host keys. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { InputError } from '../errors.ts'

/** A key pair in OpenSSH's formats. */
export interface KeyPair {
  /** The file's text, to be stored with mode 0600. */
  readonly privateKey: string
  /** One line without its end: `ssh-ed25519 AAAA… comment`. */
  readonly publicKey: string
}

/**
 * Makes an ed25519 key pair without a passphrase.
 * The private key's format is described in OpenSSH's PROTOCOL.key.
 * @throws InputError `key-comment` for a comment of more than one line
 */
export function generateKeyPair(comment: string): KeyPair {
  if (/[\0\r\n]/.test(comment)) throw new InputError('key-comment', 'the comment of a key must be one line')
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk = privateKey.export({ format: 'jwk' })
  const publicBytes = Buffer.from(jwk.x ?? '', 'base64url')
  const secret = Buffer.concat([Buffer.from(jwk.d ?? '', 'base64url'), publicBytes])
  const wire = Buffer.concat([field('ssh-ed25519'), field(publicBytes)])
  // The same random number twice shows whether decryption worked; there is none here.
  const check = randomBytes(4)
  const body = Buffer.concat([check, check, wire, field(secret), field(comment)])
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, index) => index + 1))
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(wire),
    field(Buffer.concat([body, padding])),
  ])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  return {
    privateKey: ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n'),
    publicKey: `ssh-ed25519 ${wire.toString('base64')}${comment === '' ? '' : ` ${comment}`}`,
  }
}

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/**
 * The public key line that belongs to a private key in OpenSSH's format, which carries it in the clear even when locked.
 * @throws InputError `private-key`
 */
export function publicKeyOf(privateKey: string, comment = ''): string {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END OPENSSH PRIVATE KEY-----/.exec(privateKey)?.[1]
  const file = Buffer.from(body ?? '', 'base64')
  const magic = 'openssh-key-v1\0'
  if (file.toString('latin1', 0, magic.length) !== magic) throw new InputError('private-key', 'not a private key in the OpenSSH format', { hint: 'convert it: ssh-keygen -p -N "" -f FILE' })
  let at = magic.length
  const next = (): Buffer => {
    const length = file.readUInt32BE(at)
    at += 4 + length
    return file.subarray(at - length, at)
  }
  try {
    // Cipher, key derivation, its options; then the number of keys, which is one.
    next(), next(), next()
    at += 4
    const wire = next()
    const type = wire.toString('latin1', 4, 4 + wire.readUInt32BE(0))
    return `${type} ${wire.toString('base64')}${comment === '' ? '' : ` ${comment}`}`
  } catch (cause) {
    throw new InputError('private-key', 'the private key is cut short', { cause })
  }
}
