/** The user's own `~/.ssh/config`, as far as it says how to reach a host. */
import { readdirSync, readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parse, glob } from 'ssh-config'
import { InputError } from '../../errors.ts'
import { expandPath } from '../../paths.ts'

/** What the configuration says about one host; undefined where it says nothing. */
export interface UserConfig {
  readonly hostName: string | undefined
  readonly user: string | undefined
  readonly port: number | undefined
  readonly identityFiles: readonly string[]
  /** Only the keys named are offered, not all of the agent's. */
  readonly identitiesOnly: boolean
  /** Socket of the agent; `none` for no agent. */
  readonly identityAgent: string | undefined
  /** Hops in order, as written. */
  readonly jumps: readonly string[]
  readonly knownHostsFiles: readonly string[] | undefined
  readonly acceptNew: boolean
  readonly hostKeyAlias: string | undefined
}

/**
 * Looks a host up in `~/.ssh/config`.
 * @throws InputError `ssh-config` when the file cannot be read or parsed
 */
export function userConfig(alias: string): UserConfig {
  const file = join(homedir(), '.ssh', 'config')
  const found = compute(file, alias)
  const one = (key: string): string | undefined => found[key]?.[0]
  const user = one('user')
  const hostName = one('hostname')?.replaceAll('%h', alias).replaceAll('%%', '%')
  const port = one('port')
  const expand = (path: string): string => expandPath(expandTokens(path, hostName ?? alias, user), homedir())
  const jump = one('proxyjump')
  const files = found['userknownhostsfile']
  return {
    hostName,
    user,
    port: port === undefined ? undefined : portOf(port, file),
    identityFiles: (found['identityfile'] ?? []).filter((path) => path.toLowerCase() !== 'none').map(expand),
    identitiesOnly: one('identitiesonly')?.toLowerCase() === 'yes',
    identityAgent: one('identityagent'),
    jumps: jump === undefined || jump.toLowerCase() === 'none' ? [] : jump.split(',').map((hop) => hop.trim()),
    knownHostsFiles: files?.filter((path) => path.toLowerCase() !== 'none').map(expand),
    acceptNew: one('stricthostkeychecking')?.toLowerCase() === 'accept-new',
    hostKeyAlias: one('hostkeyalias'),
  }
}

function compute(file: string, alias: string): Readonly<Record<string, readonly string[]>> {
  const text = readWithIncludes(file, 0)
  if (text === '') return {}
  try {
    const computed: Record<string, string | string[]> = parseOnce(text).compute(alias, { ignoreCase: true })
    return Object.fromEntries(Object.entries(computed).map(([key, value]) => [key, [value].flat()]))
  } catch (cause) {
    throw new InputError('ssh-config', `cannot understand ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause, location: { file } })
  }
}

let last: { readonly text: string; readonly config: ReturnType<typeof parse> } | undefined

/** Each host of a run asks for the same text. */
function parseOnce(text: string): ReturnType<typeof parse> {
  if (last?.text !== text) last = { text, config: parse(text) }
  return last.config
}

/** Reads a file and puts in what it includes; the section that was open goes on after that, as with OpenSSH. */
function readWithIncludes(file: string, depth: number): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return ''
    throw new InputError('ssh-config', `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause, location: { file } })
  }
  let section = 'Host *'
  return text
    .split('\n')
    .map((line) => {
      if (/^\s*(host|match)[\s=]/i.test(line)) section = line
      const [, list] = /^\s*include[\s=]+(.+?)\s*$/i.exec(line) ?? []
      // OpenSSH gives up at the same depth.
      if (list === undefined || depth >= 16) return line
      const included = (list.match(/"[^"]*"|\S+/g) ?? []).flatMap((word) => matching(word.replaceAll('"', '')))
      return [...included.map((path) => readWithIncludes(path, depth + 1)), section].join('\n')
    })
    .join('\n')
}

function matching(pattern: string): string[] {
  const path = expandPath(pattern, join(homedir(), '.ssh'))
  if (!/[*?]/.test(path)) return [path]
  try {
    const found = readdirSync(dirname(path)).filter((name) => glob(basename(path), name))
    return found.sort().map((name) => join(dirname(path), name))
  } catch {
    return []
  }
}

function expandTokens(path: string, host: string, user: string | undefined): string {
  const tokens: Readonly<Record<string, string>> = { '%': '%', d: homedir(), h: host, u: userInfo().username, r: user ?? userInfo().username }
  return path.replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole)
}

function portOf(text: string, file: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InputError('ssh-config', `${file}: Port must be from 1 to 65535, got ${text}`, { location: { file } })
  return port
}
