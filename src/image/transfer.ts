/**
 * Downloads to a file on the hypervisor, with what is there: curl, else wget. A transfer that breaks off is resumed for as long as
 * bytes advance; one that cannot be resumed starts afresh, once. Nothing here trusts what was fetched: see verify.ts.
 */
import { FarmError, InputError, InterruptedError, TaskError, TemporaryError } from '../errors.ts'
import type { Host, Shell } from '../host/index.ts'
import { shownUrl } from '../url.ts'
import { localPath } from './location.ts'
import { clearForeignPart } from './working-dir.ts'

/** Programs that can download, best first. */
export type Downloader = 'curl' | 'wget'

/** What a long step reports to, and what ends it. */
export interface Watch {
  /** One short line about what is under way. */
  readonly progress: (message: string) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Which downloader the hypervisor has.
 * @throws TaskError downloader-missing
 */
export async function findDownloader(host: Host): Promise<Downloader> {
  const found = (await host.query({ nothrow: true })`command -v curl || command -v wget`).stdout.trim()
  if (found === '') throw new TaskError('downloader-missing', 'there is neither curl nor wget to download with', { host: host.name, hint: 'install the package curl, e.g. apt-get install curl' })
  return found.endsWith('curl') ? 'curl' : 'wget'
}

/** A small text file, fetched without leaving anything on the hypervisor. At most a MiB is read. */
export async function fetchText(host: Host, url: string, what: string): Promise<string> {
  const path = localPath(url)
  const $ = host.query({ nothrow: true })
  const result = path !== undefined ? await $`head -c 1048576 ${path}` : (await findDownloader(host)) === 'curl'
    ? await $`curl -fsSL --connect-timeout 20 --max-time 120 --max-filesize 1048576 ${url}`
    : await $`wget -t 1 -T 30 -O - ${url}`
  if (result.exitCode !== 0) throw failure(host, what, url, result.stderr)
  return result.stdout
}

/**
 * Asks for a file's size without fetching it; undefined when the server does not say.
 * @throws InputError image-missing when it is not there, TemporaryError when nobody answers.
 */
export async function remoteSize(host: Host, url: string): Promise<number | undefined> {
  const path = localPath(url)
  const $ = host.query({ nothrow: true })
  if (path !== undefined) {
    const result = await $`test -f ${path} && test -r ${path} && wc -c < ${path}`
    if (result.exitCode !== 0) throw new InputError('image-missing', `there is no file ${path}`, { host: host.name, hint: 'the path is one on the hypervisor' })
    return Number(result.stdout)
  }
  const tool = await findDownloader(host)
  const result = tool === 'curl' ? await $`curl -fsSLI --connect-timeout 20 --max-time 60 ${url}` : await $`wget -t 1 -T 30 --spider -S ${url}`
  if (result.exitCode !== 0) throw failure(host, 'the image', url, result.stderr)
  // After redirections the last header counts; 0 is what servers say that do not know.
  const sizes = [...`${result.stdout}\n${result.stderr}`.matchAll(/^\s*content-length:\s*(\d+)/gim)].map((match) => Number(match[1]))
  return sizes.at(-1) || undefined
}

/**
 * Fetches `url` into `part`, going on from what is there. Resolves with whether what was there has been built upon.
 * @throws InputError image-missing, TemporaryError download-failed; `part` is kept for the next time.
 */
export async function transfer(host: Host, $: Shell, url: string, part: string, watch: Watch): Promise<{ resumed: boolean }> {
  const path = localPath(url)
  await clearForeignPart($, part)
  if (path !== undefined) {
    await $`cp -- ${path} ${part}`
    return { resumed: false }
  }
  const tool = await findDownloader(host)
  const total = await remoteSize(host, url).catch(() => undefined)
  const tell = async (): Promise<void> => {
    const size = await sizeOf(host, part)
    const amount = total === undefined ? `${mib(size)} MiB` : `${Math.min(100, Math.floor((size / total) * 100))} % of ${mib(total)} MiB`
    watch.progress(`downloading ${shownUrl(url)} (${amount})`)
  }
  let before = await sizeOf(host, part)
  let resumed = before > 0
  for (let afresh = false; ; ) {
    const attempt = tool === 'curl'
      ? $({ nothrow: true })`curl -fsSL --connect-timeout 20 --speed-limit 1 --speed-time 30 -C - -o ${part} ${url}`
      : $({ nothrow: true })`wget -t 1 -T 30 -c -O ${part} ${url}`
    const result = await during(attempt, tell, watch.signal)
    if (result.exitCode === 0) return { resumed }
    // Nothing is left to fetch, or the file there is shorter by now: its checksum will tell.
    if (before > 0 && /\b416\b/.test(lastLine(result.stderr))) return { resumed: true }
    const size = await sizeOf(host, part)
    if (size > before) {
      resumed = true
      before = size
    } else if (!afresh && before > 0 && cannotResume(tool, result)) {
      await $`rm -f ${part}`
      afresh = true
      resumed = false
      before = 0
    } else {
      // An empty file would only hide that there is nothing to go on from.
      if (size === 0) await $`rm -f ${part}`
      throw failure(host, 'the file', url, result.stderr, size)
    }
  }
}

/** Whether the server has no ranges (curl: 33) or does not like the one that was asked for (curl: 36). */
function cannotResume(tool: Downloader, { exitCode, stderr }: { exitCode: number | null; stderr: string }): boolean {
  return tool === 'curl' ? exitCode === 33 || exitCode === 36 : /refusing to truncate|resume/i.test(stderr)
}

/** Waits for `work`, and calls `tell` about once a second meanwhile. */
export async function during<T>(work: PromiseLike<T>, tell: () => Promise<void>, signal?: AbortSignal): Promise<T> {
  const ended = new AbortController()
  const pulse = (async () => {
    for (;;) {
      await new Promise<void>((resolve) => {
        const stop = (): void => {
          clearTimeout(timer)
          ended.signal.removeEventListener('abort', stop)
          resolve()
        }
        const timer = setTimeout(stop, 1000)
        ended.signal.addEventListener('abort', stop)
      })
      if (ended.signal.aborted) return
      // Progress is a courtesy: what it cannot find out, it does not tell.
      await tell().catch(() => undefined)
    }
  })()
  try {
    const result = await work
    if (signal?.aborted) throw new InterruptedError()
    return result
  } finally {
    ended.abort()
    await pulse
  }
}

/** Bytes of a file; 0 where there is none. */
export async function sizeOf(host: Host, path: string): Promise<number> {
  return Number((await host.query({ nothrow: true })`stat -c %s ${path}`).stdout) || 0
}

function refused(stderr: string): boolean {
  return /\b(401|403|404|410)\b|does not exist/.test(lastLine(stderr))
}

function failure(host: Host, what: string, url: string, stderr: string, size = 0): FarmError {
  const details = stderr.trim().split('\n').slice(-5)
  const facts = { host: host.name, details }
  if (localPath(url) !== undefined) return new InputError('image-missing', `${what} ${url} cannot be read: ${lastLine(stderr)}`, facts)
  if (refused(stderr)) return new InputError('image-missing', `${what} ${shownUrl(url)} cannot be had: ${lastLine(stderr)}`, { ...facts, hint: 'check the address; old builds are removed from most servers' })
  const kept = size === 0 ? '' : ` after ${mib(size)} MiB`
  return new TemporaryError('download-failed', `the download of ${shownUrl(url)} failed${kept}: ${lastLine(stderr)}`, { ...facts, hint: 'run the same command again: it goes on from there' })
}

function lastLine(text: string): string {
  return text.trim().split('\n').filter(Boolean).at(-1)?.trim() ?? 'no reason was given'
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)
}
