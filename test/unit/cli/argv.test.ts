import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseArgv } from '../../../src/cli/argv.ts'
import type { OptionTable } from '../../../src/cli/options.ts'
import { UsageError } from '../../../src/errors.ts'

const TABLE = {
  inventory: { kind: 'list', short: 'i', value: 'FILE', help: '' },
  'extra-vars': { kind: 'list', short: 'e', value: 'VARS', help: '' },
  limit: { kind: 'text', short: 'l', value: 'PATTERN', help: '' },
  check: { kind: 'flag', short: 'C', help: '' },
  diff: { kind: 'flag', short: 'D', help: '' },
  forks: { kind: 'integer', short: 'f', value: 'N', least: 1, most: 100, help: '' },
  verbose: { kind: 'count', short: 'v', help: '' },
} as const satisfies OptionTable

const NONE = { inventory: [], 'extra-vars': [], limit: undefined, check: false, diff: false, forks: undefined, verbose: 0 }

function options(...argv: string[]): unknown {
  return parseArgv(argv, TABLE).options
}

function refusal(...argv: string[]): { code: string; message: string; hint: string | undefined; exitCode: number } {
  try {
    parseArgv(argv, TABLE)
  } catch (error) {
    assert.ok(error instanceof UsageError)
    return error
  }
  throw new Error(`${argv.join(' ')} was accepted`)
}

describe('options on the command line', () => {
  const accepted: readonly (readonly [title: string, argv: readonly string[], expected: object])[] = [
    ['nothing given leaves everything unset', [], {}],
    ['long names take the next word or what follows an equals sign', ['--limit', 'web', '--forks=5'], { limit: 'web', forks: 5 }],
    ['short names take the next word, the rest of theirs, or what follows an equals sign', ['-i', 'a', '-ib', '-i=c'], { inventory: ['a', 'b', 'c'] }],
    ['-ekey=value keeps key and value together', ['-ekey=value', '-e', 'a=b=c'], { 'extra-vars': ['key=value', 'a=b=c'] }],
    ['-e @file is taken as it is', ['-e@vars.yml'], { 'extra-vars': ['@vars.yml'] }],
    ['-vvv counts three, and so does -v -vv', ['-v', '-vv'], { verbose: 3 }],
    ['flags go together behind one dash', ['-CDv'], { check: true, diff: true, verbose: 1 }],
    ['a bunch may end in an option with a value', ['-Cl', 'web'], { check: true, limit: 'web' }],
    ['text that looks like a number stays text', ['--limit', '0012', '-i', '1e3', '-i', '0x10'], { limit: '0012', inventory: ['1e3', '0x10'] }],
    ['a flag does not eat the word behind it', ['--check', 'provision-cluster'], { check: true }],
    ['a value may begin with a dash behind an equals sign', ['--limit=-web'], { limit: '-web' }],
    ['a value may hold line breaks', ['-e', '{"a":\n1}'], { 'extra-vars': ['{"a":\n1}'] }],
    ['a value may look like JavaScript\'s own names', ['-e', '__proto__=1', '--limit', 'constructor'], { 'extra-vars': ['__proto__=1'], limit: 'constructor' }],
  ]
  for (const [title, argv, expected] of accepted) test(title, () => { assert.deepEqual(options(...argv), { ...NONE, ...expected }) })

  const refused: readonly (readonly [title: string, argv: readonly string[], code: string, hint?: RegExp])[] = [
    ['a limit that swallowed --check would mean all hosts: it is refused', ['--limit', '--check'], 'missing-value', /--limit=--check/],
    ['a value missing at the end is refused', ['-e'], 'missing-value'],
    ['an empty value is refused', ['--limit', ''], 'empty-value'],
    ['an empty value behind an equals sign is refused', ['--limit='], 'empty-value'],
    ['a blank value is refused', ['-l', '  '], 'empty-value'],
    ['a misspelt option is refused with the one that was meant', ['--chekc'], 'unknown-option', /--check/],
    ['an unknown letter is refused', ['-z'], 'unknown-option'],
    ['a long option behind one dash is recognised', ['-forks', '3'], 'bad-number'],
    ['names of JavaScript\'s own are options like any other unknown one', ['--toString', 'x'], 'unknown-option'],
    ['--__proto__ is unknown', ['--__proto__=1'], 'unknown-option'],
    ['a dot does not make a nested option', ['--limit.x', '1'], 'unknown-option'],
    ['--no- does not turn an option with a value off', ['--no-limit', 'x'], 'unknown-option', /--limit/],
    ['a flag takes no value', ['--check=false'], 'needless-value'],
    ['a short flag takes no value', ['-C=1'], 'needless-value'],
    ['a single value given twice is refused', ['--limit', 'a', '-l', 'b'], 'repeated-option'],
    ['a number out of bounds is refused', ['-f', '0'], 'bad-number'],
    ['a number with something behind it is refused', ['-f', '5x'], 'bad-number'],
    ['a negative number is refused', ['-f=-5'], 'bad-number'],
  ]
  for (const [title, argv, code, hint] of refused) {
    test(title, () => {
      const error = refusal(...argv)
      assert.equal(error.code, code)
      assert.equal(error.exitCode, 64)
      if (hint !== undefined) assert.match(error.hint ?? '', hint)
    })
  }

  test('words keep their order and their text', () => {
    assert.deepEqual(parseArgv(['0012', '-C', '--limit', 'x', '1e3', '-'], TABLE).words, ['0012', '1e3', '-'])
  })

  test('everything behind -- is left alone', () => {
    const { words, rest } = parseArgv(['a', '--', '--check', '-x', '--'], TABLE)
    assert.deepEqual({ words, rest }, { words: ['a'], rest: ['--check', '-x', '--'] })
  })

  test('behind the last word that is farm\'s, options belong to another program', () => {
    const { words, rest, options: own } = parseArgv(['-i', 'x', 'boreas', 'ls', '-la', '--', '--nope'], TABLE, 1)
    assert.deepEqual({ words, rest, inventory: own.inventory }, { words: ['boreas'], rest: ['ls', '-la', '--', '--nope'], inventory: ['x'] })
  })

  test('any value comes out as it went in, in all spellings', () => {
    const value = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => text.trim() !== '')
    fc.assert(
      fc.property(fc.array(value), value, (lists, limit) => {
        const { options: read } = parseArgv([...lists.flatMap((text, index) => (index % 2 === 0 ? [`--inventory=${text}`] : [`-i=${text}`])), `--limit=${limit}`], TABLE)
        assert.deepEqual(read, { ...NONE, inventory: lists, limit })
      }),
    )
  })

  test('whatever is typed is either read or refused as a usage error', () => {
    const token = fc.oneof(fc.string(), fc.constantFrom('--', '-', '--limit', '-i', '-vvv', '--check', '-C', '-f', '3', '--=', '-=', '--constructor', '-e='), fc.string().map((text) => `--${text}`), fc.string().map((text) => `-${text}`))
    fc.assert(
      fc.property(fc.array(token), (argv) => {
        try {
          parseArgv(argv, TABLE)
        } catch (error) {
          assert.ok(error instanceof UsageError, String(error))
        }
      }),
    )
  })
})

test('a list of words that holds none is an error: left out it would mean everything', () => {
  for (const argv of [['--tags', ','], ['--tags', 'a', '--tags', ' , ']]) assert.throws(() => parseArgv(argv, { tags: { kind: 'words', help: '' } }), { code: 'empty-value', exitCode: 64 })
})
