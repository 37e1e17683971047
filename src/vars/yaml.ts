/**
 * YAML as farm reads it: version 1.2's core schema, with `yes`, `no`, `on` and `off` as booleans too. What looks like a number to
 * nobody but an old parser stays text (`0012`, `22:22`, a MAC address). Plain texts have a fast reader of their own (yaml-plain.ts);
 * the library reads the others (yaml-library.ts). Files that are encrypted as a whole are decrypted first.
 */
import { InputError, type Location } from '../errors.ts'
import { concealAll } from '../secrets.ts'
import { currentKeyring } from './keyring.ts'
import type { ValuePath } from './layer.ts'
import { isVaultText } from './vault.ts'
import { parseAnyYaml } from './yaml-library.ts'
import { parsePlainYaml } from './yaml-plain.ts'

/** A parsed document. */
export interface ParsedYaml {
  /** Plain data: maps without prototype, lists, text, numbers, booleans, null, texts with a tag ({@link Tagged}). Null for an empty document. */
  readonly value: unknown
  /** Where the value at `path` was written: its key in a map, itself in a list. */
  locate(path: ValuePath): Location | undefined
  /** False for a key of a map in `value` that is written as a number or a boolean: fine in a variable, no name of a host. */
  isTextKey(map: object, key: string): boolean
}

/**
 * Parses one YAML document (JSON is YAML too). A text in Ansible's vault format is decrypted with {@link currentKeyring}, and all that
 * it holds is concealed.
 * @throws InputError with file, line and column for every mistake, duplicate keys, unknown tags and unquoted templates included;
 *   those of the keyring.
 */
export function parseYaml(text: string, file: string): ParsedYaml {
  return isVaultText(text) ? parseVault(text, file) : parseText(text, file)
}

function parseText(text: string, file: string): ParsedYaml {
  const at = placesIn(text, file)
  const plain = parsePlainYaml(text)
  if (!plain) return parseAnyYaml(text, at)
  return {
    value: plain.value,
    isTextKey: () => true,
    locate: (path) => {
      const offset = plain.offset(path)
      return offset === undefined ? undefined : at(offset)
    },
  }
}

function parseVault(text: string, file: string): ParsedYaml {
  const plain = currentKeyring().decrypt(text, { file, line: 1 })
  try {
    const parsed = parseText(plain.replace(/^\uFEFF/, ''), file)
    concealAll(parsed.value)
    return parsed
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause
    // The parser's words may quote the text, and so may whoever prints a cause.
    throw new InputError(cause.code, 'the decrypted text is not usable YAML', { location: cause.location, hint: 'ansible-vault view shows it' })
  }
}

/** Turns offsets into lines and columns; the lines are counted when the first place is asked for. */
function placesIn(text: string, file: string): (offset: number) => Location {
  let starts: number[] | undefined
  return (offset) => {
    starts ??= lineStarts(text)
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { file, line: low + 1, column: offset - (starts[low] as number) + 1 }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1)
  return starts
}
