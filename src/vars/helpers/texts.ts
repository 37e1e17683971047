/** Helpers for text, paths and the controller's own files and environment. */
import { homedir } from 'node:os'
import { posix } from 'node:path'
import { conceal, concealAll } from '../../secrets.ts'
import { currentKeyring } from '../keyring.ts'
import { isVaultText } from '../vault.ts'
import { array, bounded, counted, found, integer, text, truth, type Helpers } from './arguments.ts'

/** What helpers may look up on the controller; replaced in tests. */
export interface Lookups {
  /** An environment variable. */
  readonly env: (name: string) => string | undefined
  /** The text of a file on the controller; throws when it cannot be read. */
  readonly file: (path: string) => string
}

/** By name. */
export function textHelpers(lookups: Lookups): Helpers {
  return {
    default: counted(2, 2, ([value, fallback]) => value ?? fallback),
    ternary: counted(3, 3, ([condition, yes, no]) => (truth(condition) ? yes : no)),
    not: counted(1, 1, ([a]) => !truth(a)),
    and: (args) => args.every(truth),
    or: (args) => args.some(truth),
    concat: (args) => args.map(text).join(''),
    join: counted(1, 2, ([list, separator = '']) => array(list).map(text).join(text(separator))),
    lower: counted(1, 1, ([value]) => text(value).toLowerCase()),
    upper: counted(1, 1, ([value]) => text(value).toUpperCase()),
    capitalize: counted(1, 1, ([value]) => text(value).slice(0, 1).toUpperCase() + text(value).slice(1).toLowerCase()),
    trim: counted(1, 1, ([value]) => text(value).trim()),
    replace: counted(3, 3, ([value, from, to]) => text(value).replaceAll(text(from), () => text(to))),
    split: counted(1, 2, ([value, separator]) => (separator === undefined ? text(value).trim().split(/\s+/) : text(value).split(text(separator)))),
    startswith: counted(2, 2, ([value, start]) => text(value).startsWith(text(start))),
    endswith: counted(2, 2, ([value, end]) => text(value).endsWith(text(end))),
    repeat: counted(2, 2, ([value, times]) => repeated(text(value), Math.max(0, integer(times)))),
    pad: counted(2, 3, ([value, width, fill = '0']) => text(value).padStart(bounded(integer(width)), text(fill))),
    basename: counted(1, 1, ([path]) => posix.basename(text(path))),
    dirname: counted(1, 1, ([path]) => posix.dirname(text(path))),
    path: (args) => posix.join(...(Array.isArray(args[0]) ? array(args[0]) : args).map(text)),
    expanduser: counted(1, 1, ([path]) => text(path).replace(/^~(?=\/|$)/, () => lookups.env('HOME') ?? homedir())),
    env: counted(1, 2, ([name, fallback]) => found(lookups.env(text(name)) ?? fallback, `there is no environment variable ${text(name)}`)),
    file: counted(1, 1, ([path]) => readFile(lookups, text(path))),
    secret: counted(1, 1, ([value]) => {
      concealAll(value)
      return value
    }),
  }
}

function repeated(value: string, times: number): string {
  bounded(value.length * times)
  return value.repeat(times)
}

/** A file's text; one that is encrypted as a whole is decrypted, and concealed. */
function readFile(lookups: Lookups, path: string): string {
  const content = lookups.file(path)
  if (!isVaultText(content)) return content.trim()
  const plain = currentKeyring().decrypt(content, { file: path, line: 1 })
  conceal(plain)
  return plain.trim()
}
