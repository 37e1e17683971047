/** Where an image comes from, as the hypervisor sees it: an address that a downloader understands, or a file of its own. */
import { posix } from 'node:path'
import { InputError } from '../errors.ts'
import type { DownloadSpec } from './types.ts'

/** The last part of an address or path; undefined where that is no file's name. */
export function lastPart(url: string): string | undefined {
  const name = posix.basename(localPath(url) ?? decodeURIComponent(new URL(checked(url)).pathname))
  return isFileName(name) ? name : undefined
}

/**
 * The name of an address's file: the last part.
 * @throws InputError image-url
 */
export function fileName(url: string): string {
  const name = lastPart(url)
  if (name === undefined) throw new InputError('image-url', `${url} does not end in the name of a file`)
  return name
}

/**
 * The name under which a checksum file lists an image: the one that is given, else that of the address.
 * @throws InputError image-name, image-url
 */
export function imageName({ url, name }: Pick<DownloadSpec, 'url' | 'name'>): string {
  if (name === undefined) return fileName(url)
  if (!isFileName(name)) throw new InputError('image-name', `the name of an image cannot be ${JSON.stringify(name)}`, { hint: 'write the name alone, as the checksum file has it, e.g. disk.qcow2' })
  return name
}

function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[\0\n\r/]/.test(name)
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
