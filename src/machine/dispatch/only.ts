/** `--only debian_12/amd64`: the machines that are wanted this time. */
import { InputError } from '../../errors.ts'
import { didYouMean } from '../../suggest.ts'
import { entryName, type MatrixEntry } from '../definitions/index.ts'

/** Selects entries by `platform/target` or by the machine's name, `*` for any characters; undefined selects all. */
export function onlyThese(words: readonly string[] | undefined): (entry: MatrixEntry) => boolean {
  if (words === undefined || words.length === 0) return () => true
  const patterns = words.map((word) => new RegExp(`^${word.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.*')}$`))
  return (entry) => patterns.some((pattern) => pattern.test(`${entry.platform}/${entry.target}`) || pattern.test(entryName(entry)))
}

/** What to say when `words` select none of the machines that there are. @param known what the configuration has, before anything is left out; not empty */
export function selectsNone(words: readonly string[], known: readonly Pick<MatrixEntry, 'platform' | 'target'>[]): InputError {
  const pairs = [...new Set(known.map(({ platform, target }) => `${platform}/${target}`))].sort()
  const meant = words.flatMap((word) => didYouMean(word, pairs) ?? [])[0]
  return new InputError('no-machines', `no machine of the configuration is ${words.join(' or ')}`, { details: [`the configuration has ${someOf(pairs)}`], hint: meant ?? '--only takes platform/target, e.g. debian_12/amd64 or */arm64' })
}

/** The first of many names, for a sentence. */
export function someOf(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ')
}
