/** `ansible_ssh_common_args` and its kin: the command-line options of OpenSSH that inventories hold, in farm's own terms. */
import { InputError } from '../errors.ts'

/** What the options say that matters to farm. */
export interface SshArgs {
  /** `user@host:port` hops in order. */
  readonly jumps?: readonly string[]
  readonly identityFiles?: readonly string[]
  readonly port?: string
  readonly user?: string
  readonly knownHostsFile?: string
  readonly hostKeyChecking?: string
}

/** Options that change nothing of what farm does: it keeps its connections by itself. */
const HARMLESS = /^(control(master|persist|path)|serveralive(interval|countmax)|connect(timeout|ionattempts)|compression|preferredauthentications|loglevel|batchmode|identitiesonly|forwardagent|gssapi\w*|tcpkeepalive|addkeystoagent|pubkeyauthentication|passwordauthentication|requesttty)$/i

/**
 * Reads options as ssh would.
 * @throws InputError `host-variable` for an option that would change where or how farm connects and that it cannot follow
 */
export function parseSshArgs(variable: string, text: string, host: string | undefined): SshArgs {
  const words = splitWords(text)
  const found: { jumps?: string[]; identityFiles?: string[]; port?: string; user?: string; knownHostsFile?: string; hostKeyChecking?: string } = {}
  const unsupported = (what: string): InputError =>
    new InputError('host-variable', `${variable}: farm connects by itself and cannot follow ${what}`, { host, hint: 'say it in ~/.ssh/config, or by farm_jumps, ansible_port, ansible_user, farm_known_hosts' })
  const set = (name: string, value: string): void => {
    switch (name.toLowerCase()) {
      case 'proxyjump':
        if (value !== 'none') found.jumps = value.split(',')
        return
      case 'proxycommand':
        found.jumps = [jumpOf(value) ?? refuse(`ProxyCommand ${value}`)]
        return
      case 'identityfile':
        found.identityFiles = [...(found.identityFiles ?? []), value]
        return
      case 'port':
        found.port = value
        return
      case 'user':
        found.user = value
        return
      case 'userknownhostsfile':
        // Sent to nowhere by those who switch off the checking of keys, which is refused where it is said.
        if (value !== '/dev/null') found.knownHostsFile = value
        return
      case 'stricthostkeychecking':
        found.hostKeyChecking = value
        return
      default:
        if (!HARMLESS.test(name)) refuse(`the option ${name}`)
    }
  }
  const refuse = (what: string): never => {
    throw unsupported(what)
  }
  const LETTERS: Readonly<Record<string, string>> = { J: 'ProxyJump', i: 'IdentityFile', p: 'Port', l: 'User' }
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, letter = '', attached = ''] = /^-([A-Za-z0-9])(.*)$/s.exec(word) ?? refuse(`"${word}"`)
    if ('CqvTAaxXkK46'.includes(letter)) continue
    if (letter !== 'o' && LETTERS[letter] === undefined) refuse(`the option -${letter}`)
    const value = attached || (words.shift() ?? refuse(`-${letter} without a value`))
    if (letter !== 'o') set(LETTERS[letter] as string, value)
    else {
      const [, name = '', setting = ''] = /^\s*(\w+)\s*[=\s]\s*(.*)$/s.exec(value) ?? refuse(`-o ${value}`)
      set(name, setting)
    }
  }
  return found
}

/** The jump host of `ssh -W %h:%p [options] user@jump`, the old way of saying ProxyJump. */
function jumpOf(command: string): string | undefined {
  const words = splitWords(command)
  if (!/(^|\/)ssh$/.test(words.shift() ?? '') || !words.includes('-W')) return undefined
  let port: string | undefined
  let host: string | undefined
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-W') words.shift()
    else if (word === '-p') port = words.shift()
    else if (/^-[qCTv]+$/.test(word)) continue
    else if (word === '-o' || word === '-i' || word.startsWith('-')) return undefined
    else host ??= word
  }
  return host === undefined ? undefined : port === undefined ? host : `${host}:${port}`
}

/** Words as a shell would see them: single and double quotes, backslashes. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs)].map(([word]) =>
    word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs, (_all, escaped?: string, double?: string, single?: string) => escaped ?? double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? ''),
  )
}
