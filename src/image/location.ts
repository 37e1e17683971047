/** Where an image comes from, as the hypervisor sees it: an address that a downloader understands, or a file of its own. */
import { posix } from 'node:path'
import { InputError } from '../errors.ts'

/** The last part of an address or path: the name under which a checksum file lists it. */
export function fileName(url: string): string {
  const path = localPath(url) ?? decodeURIComponent(new URL(checked(url)).pathname)
  const name = posix.basename(path)
  if (name === '' || name === '.' || name === '..' || /[\0\n\r]/.test(name)) throw new InputError('image-url', `${url} does not end in the name of a file`)
  return name
}

/** The path on the hypervisor when the address is of a file there, else undefined. */
export function localPath(url: string): string | undefined {
  if (url.startsWith('/')) return url
  if (!url.startsWith('file://')) return undefined
  const { host, pathname } = new URL(checked(url))
  if (host !== '' && host !== 'localhost') throw new InputError('image-url', `${url} names the host ${host}; files are read on the hypervisor itself`, { hint: 'write file:///path' })
  return decodeURIComponent(pathname)
}

function checked(url: string): string {
  if (!URL.canParse(url) || !/^(https?|ftp|file):$/.test(new URL(url).protocol)) {
    throw new InputError('image-url', `${JSON.stringify(url)} is neither an address nor an absolute path`, { hint: 'use http://, https://, ftp://, file:// or a path on the hypervisor' })
  }
  return url
}

/** The address without its password, for messages. */
export function shown(url: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  if (parsed.password === '') return url
  parsed.password = '***'
  return parsed.href
}
