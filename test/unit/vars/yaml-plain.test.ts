/** The fast reader of plain YAML never differs from the general one: not in a value, not in a place, not in what it accepts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { InputError, type Location } from '../../../src/errors.ts'
import { isMap, type ValuePath } from '../../../src/vars/layer.ts'
import { parseAnyYaml } from '../../../src/vars/yaml-library.ts'
import { parsePlainYaml } from '../../../src/vars/yaml-plain.ts'

const RUNS = Number(process.env['FARM_FUZZ_RUNS'] ?? 1500)

function* paths(value: unknown, path: ValuePath = []): Generator<ValuePath> {
  yield path
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* paths(item, [...path, index])
  else if (isMap(value)) for (const [key, item] of Object.entries(value)) yield* paths(item, [...path, key])
}

/** Both readers' results are the same, or the fast one gave up; true when it did not. */
function agree(text: string): boolean {
  const plain = parsePlainYaml(text)
  if (!plain) return false
  const at = (offset: number): Location => ({ file: 'f', line: 1, column: offset })
  let any
  try {
    any = parseAnyYaml(text, at)
  } catch (cause) {
    assert.ok(cause instanceof InputError)
    assert.fail(`accepted, but: ${cause.message}\n${text}`)
  }
  assert.deepEqual(plain.value, any.value, text)
  for (const path of paths(any.value)) assert.equal(plain.offset(path), any.locate(path)?.column, `${path.join('.')} in\n${text}`)
  return true
}

const word = fc.constantFrom('a', 'web1', 'node[01:30].example.com', 'true', 'No', 'on', 'y', 'null', '~', '0', '5', '-1.5', '+3', '1e3', '0x1F', '0o17', '0755', '00', '-0', '08.5', '.5', '5.', '1_000', '12345678901234567890', '.inf', '10.0.0.1', '52:54:00:12:34:56', '22:22', '2024-01-02', 'a b  c', 'x#y', 'http://h:80/p?q=1&r', 'é ü', '日本', '{{ a }}', 'a {{ b }}', '-x', '--', 'a-', '$HOME', '/etc/x', 'a, b', 'a: b', 'a:', ':a', '?x', 'a]', '=', '<<', '<x', '*a', '&a b', '!t x', '|', '>', '%', '@x', '`', '_', "it's", 'say "x"', '\\n', '1', '__proto__', 'constructor', '', '# c', 'a #c', 'Null', 'nUll', 'TRUE', 'oN', '.', '..', '...', '---', '- a', '😀')
const quoted = fc.oneof(word, fc.string({ maxLength: 6 })).chain((text) => fc.constantFrom(`"${text}"`, `'${text.replaceAll("'", "''")}'`, JSON.stringify(text)))
const scalar = fc.oneof({ weight: 3, arbitrary: word }, { weight: 2, arbitrary: quoted })
const gap = fc.constantFrom(' ', ' ', ' ', '  ', '')
const { flow } = fc.letrec<{ flow: string; flowItem: string }>((tie) => ({
  flowItem: fc.oneof({ weight: 4, arbitrary: scalar }, { weight: 1, arbitrary: tie('flow') }),
  flow: fc.oneof(
    fc.tuple(fc.array(tie('flowItem'), { maxLength: 3 }), gap, fc.constantFrom(', ', ',', ' , ', ',\n  ')).map(([items, space, comma]) => `[${space}${items.join(comma)}${space}]`),
    fc.tuple(fc.array(fc.tuple(scalar, fc.constantFrom(': ', ': ', ':', ' : '), tie('flowItem')), { maxLength: 3 }), gap, fc.constantFrom(', ', ',', ',\n')).map(([items, space, comma]) => `{${space}${items.map((parts) => parts.join('')).join(comma)}${space}}`),
  ),
}))
const noise = fc.constantFrom('', '', '', '', '', ' # c', ' ', '\n', '\n\n  \n', '\n# c', '\n    # c', '\n\t', '\r')

/** Lines of a block, indented by the caller. */
const { block } = fc.letrec<{ block: string; value: string }>((tie) => ({
  value: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(gap, scalar).map(([space, text]) => (space || ' ') + text) },
    { weight: 1, arbitrary: flow.map((text) => ` ${text}`) },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 3, arbitrary: fc.tuple(tie('block'), fc.constantFrom(1, 2, 2, 4, 0), noise).map(([inner, depth, extra]) => `${extra}\n${inner.replace(/^/gm, ' '.repeat(depth))}`) },
  ),
  block: fc.oneof(
    fc.array(fc.tuple(scalar, fc.constantFrom(':', ':', ':', ':', ' :'), tie('value'), noise), { minLength: 1, maxLength: 4 }).map((entries) => entries.map((parts) => parts.join('')).join('\n')),
    fc.array(fc.tuple(tie('value'), noise), { minLength: 1, maxLength: 3 }).map((items) => items.map(([value, extra]) => `-${value}${extra}`).join('\n')),
    fc.array(fc.tuple(tie('block'), fc.constantFrom(' ', '   ')), { minLength: 1, maxLength: 2 }).map((items) => items.map(([inner, space]) => `-${space}${inner.replaceAll('\n', `\n${' '.repeat(space.length + 1)}`)}`).join('\n')),
  ),
}))
const document = fc.tuple(fc.constantFrom('', '', '---\n', '# c\n---\n', '\n', ' ', '--- # c\n'), fc.oneof({ weight: 6, arbitrary: block }, { weight: 1, arbitrary: flow }), fc.constantFrom('', '\n', '\n\n', ' ', '\n...\n', '\n# c')).map((parts) => parts.join(''))

/** Texts that are plain as a rule, so that mutations are what makes them odd. */
const plainWord = fc.constantFrom('a', 'b1', 'c_d', 'web-1', 'x.y', '10.0.0.1', 'yes', '7', '0.5', 'null', '"q"', "'s'", '[a, 1]', '{k: v, "l": [1]}', '"x\\ny"', 'two words', '{}', '[]')
const { tame } = fc.letrec<{ tame: string }>((tie) => ({
  tame: fc.oneof(
    { depthSize: 'small' },
    fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b1', 'c_d', 'web-1', 'x y', '"q r"', "'s'", 'n[1:3]'), fc.oneof(plainWord.map((text) => ` ${text}`), tie('tame').map((text) => `\n${text.replace(/^/gm, '  ')}`), fc.constant(''))), { minLength: 1, maxLength: 4, selector: ([key]) => key }).map((entries) => entries.map((parts) => parts.join(':')).join('\n')),
    fc.array(fc.oneof(plainWord, tie('tame').map((text) => text.replaceAll('\n', '\n  '))), { minLength: 1, maxLength: 3 }).map((items) => items.map((item) => `- ${item}`).join('\n')),
  ),
}))
const mutated = fc.tuple(tame, fc.array(fc.tuple(fc.nat(), fc.constantFrom('', ' ', '  ', '\n', ':', ': ', '-', '- ', '#', ' #', '"', "'", '{', '}', '[', ']', ',', '&a ', '*a', '!!str ', '|', '>', '\t', '?', '? ', '\\', '{{', '0', '<<: ', '\n---\n', '%', '~', 'é', '\u00a0', '\ufeff'), fc.nat(2)), { maxLength: 3 })).map(([text, edits]) =>
  edits.reduce((now, [where, insert, remove]) => {
    const at = where % (now.length + 1)
    return now.slice(0, at) + insert + now.slice(at + remove)
  }, text),
)

describe('plain YAML', () => {
  test('tame texts are read by the fast reader', () => {
    let fast = 0
    fc.assert(fc.property(tame, (text) => void (fast += agree(text) ? 1 : 0)), { numRuns: 300 })
    assert.ok(fast > 270, `only ${fast} of 300`)
  })
  test('whatever is written, the two readers agree', () => fc.assert(fc.property(document, (text) => void agree(text)), { numRuns: RUNS }))
  test('whatever is changed in it, the two readers agree', () => fc.assert(fc.property(mutated, (text) => void agree(text)), { numRuns: RUNS }))
  test('any JSON reads the same', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, 2), (value, space) => void agree(JSON.stringify(value, null, space))), { numRuns: Math.ceil(RUNS / 3) })
  })
  test('an inventory of ten thousand hosts is plain', () => {
    const host = (n: number): string => `    node${n}.example.com: {ansible_host: 10.0.0.1, rack: ${n}}\n`
    const text = `# all\n---\nall:\n  vars: {a: "x {{ y }}"}\n  hosts:\n${Array.from({ length: 10_000 }, (_, n) => host(n)).join('')}`
    assert.equal(parsePlainYaml(text)?.offset(['all', 'hosts', 'node9999.example.com']), text.indexOf('node9999.'))
  })
})
