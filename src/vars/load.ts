/** Files of variables. */
import { readFile } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import { describeValue, emptyRecord, isMap, type Layer } from './layer.ts'
import { isVaultText } from './vault.ts'
import { parseYaml } from './yaml.ts'

/** Reads a text file; bytes that are not UTF-8 and files that cannot be read are InputErrors. */
export async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new InputError('not-utf8', `${file} is not UTF-8 text`, { location: { file }, cause })
    throw new InputError('unreadable-file', `cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : (cause as Error).message}`, { location: { file }, cause })
  }
}

/**
 * Reads a file of variables (YAML or JSON, also encrypted as a whole); an empty file sets none.
 * @param options `text` in place of reading the file; `name` of the layer, the file's path when not given.
 * @throws InputError with file, line and column; those of the keyring in use.
 */
export async function loadYaml(file: string, options: { readonly text?: string; readonly name?: string } = {}): Promise<Layer> {
  return yamlLayer(options.text ?? (await readText(file)), file, options.name ?? file)
}

/** As {@link loadYaml}, of text at hand. */
export function yamlLayer(text: string, file: string, name: string = file): Layer {
  const { value, locate } = parseYaml(text.replace(/^\uFEFF/, ''), file)
  if (value !== null && !isMap(value)) {
    const got = isVaultText(text) ? 'something else in the encrypted text' : describeValue(value)
    throw new InputError('not-variables', `expected variables (name: value), got ${got}`, { location: locate([]) ?? { file, line: 1, column: 1 } })
  }
  const values = value ?? emptyRecord()
  return { name, file, values, origin: (path) => (path[0] !== undefined && path[0] in values ? locate(path) : undefined) }
}
