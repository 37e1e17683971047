import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../../src/errors.ts'
import { chooseReport } from '../../../src/report/index.ts'
import { toFailure } from '../../../src/failure.ts'
import { packaged } from '../../../src/paths.ts'
import { formatFailure } from '../../../src/report/failure.ts'
import { clean, cut, line, pad, seconds, width } from '../../../src/report/text.ts'

describe('text on a terminal', () => {
  test('no line is wider than it may be, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.integer({ min: 0, max: 120 }), (texts, columns) => {
        assert.ok(width(line(texts.map((text) => [text] as const), columns, false)) <= columns)
      }),
    )
  })

  test('what is cut says so, what fits is left alone', () => {
    assert.equal(cut('boreas', 6), 'boreas')
    assert.equal(cut('boreas', 5), 'bore…')
    assert.equal(cut('日本語', 5), '日本…')
    assert.equal(pad('日本', 6), '日本  ')
  })

  test('no escape sequence and no control character survives cleaning', () => {
    for (const [foul, fair] of [['\u001b[31mred\u0007', 'red'], ['\u001b]0;title\u0007x', 'x'], ['a\rb\u0000c', 'abc'], ['\u001b(Bx\u001b=y', 'xy'], ['a\tb', 'a  b'], ['\u202eevil', 'evil'], ['\u009b31mx', 'x']] as const) assert.equal(clean(foul), fair)
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => { assert.doesNotMatch(clean(text), /[\u0000-\u001f\u007f-\u009f]/) }))
  })

  test('seconds are told as people say them', () => {
    assert.deepEqual([0, 0.04, 0.85, 9.94, 9.96, 59.4, 59.6, 61, 3600].map(seconds), ['0.0 s', '0.0 s', '0.8 s', '9.9 s', '10 s', '59 s', '1 min 0 s', '1 min 1 s', '60 min 0 s'])
  })
})

describe('failures', () => {
  test('point into the file with a caret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'farm-test-'))
    try {
      const file = join(folder, 'vars.yml')
      await writeFile(file, 'a: 1\n\tvm_mem: lots\n')
      const error = new InputError('x', 'vm_mem must be a whole number', { location: { file, line: 2, column: 10 }, host: 'anemoi', step: 'variables', hint: 'write 1024\nor more', details: ['one', 'two\nthree'] })
      assert.deepEqual(formatFailure(toFailure(error), { colour: false }), [
        'farm: vm_mem must be a whole number', `  at ${file}:2:10`, '  2 |   vm_mem: lots', '    |           ^', '  host anemoi, step variables', '  | one', '  | two', '  | three', '  hint: write 1024', '        or more',
      ])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('a file that cannot be read is named, not quoted', () => {
    assert.deepEqual(formatFailure({ code: 'x', message: 'm', location: { file: '--extra-vars', line: 1, column: 3 } }, { colour: false }), ['farm: m', '  at --extra-vars:1:3'])
  })

  test('quote the file once where their details quote it already', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'farm-test-'))
    try {
      const file = join(folder, 'broken.ts')
      await writeFile(file, 'one\ntwo three\n')
      const details = ['1 | one', '2 | two three', '  |     ^']
      assert.deepEqual(formatFailure({ code: 'x', message: 'm', location: { file, line: 2, column: 5 }, details }, { colour: false }), ['farm: m', `  at ${file}:2:5`, ...details.map((text) => `  | ${text}`)])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('an unexpected one points to where it came through the user\'s code, and has its stack for those who ask', () => {
    const error = new TypeError('x is undefined')
    error.stack = `TypeError: x is undefined\n    at a (${packaged('src', 'host', 'shell.ts')}:1:2)\n    at async b (file:///home/u/my%20farm/node_modules/x/y.js:3:4)\n    at async Object.run (file:///home/u/my%20farm/r.ts:5:6)\n    at node:internal/x:7:8`
    const failure = toFailure(error)
    assert.deepEqual([failure.location, failure.stack?.[0]], [{ file: '/home/u/my farm/r.ts', line: 5, column: 6 }, 'TypeError: x is undefined'])
    assert.doesNotMatch(formatFailure(failure, { colour: false }).join('\n'), /node_modules/)
    assert.match(formatFailure(failure, { colour: false, stack: true }).join('\n'), /node_modules[^]*my%20farm\/r\.ts/)
    assert.equal(toFailure('thrown text').location, undefined)
  })

  test('of many details the last are shown', () => {
    const lines = formatFailure({ code: 'x', message: 'm', details: Array.from({ length: 50 }, (_, index) => `line ${index}`) }, { colour: false })
    assert.deepEqual([lines[1], lines.at(-1), lines.length], ['  | (30 lines before these)', '  | line 49', 22])
  })
})

describe('the choice of a report', () => {
  const tty = { isTTY: true, columns: 100, rows: 30 }
  const cases: readonly (readonly [title: string, env: Record<string, string>, stdout: object, flags: object, kind: string])[] = [
    ['a terminal gets the live picture', { TERM: 'xterm' }, tty, {}, 'terminal'],
    ['a pipe gets plain lines', {}, {}, {}, 'plain'],
    ['CI gets plain lines although it pretends to be a terminal', { CI: 'true' }, tty, {}, 'plain'],
    ['CI=false is no CI', { CI: 'false' }, tty, {}, 'terminal'],
    ['a dumb terminal gets plain lines', { TERM: 'dumb' }, tty, {}, 'plain'],
    ['a screen of five rows gets plain lines', {}, { ...tty, rows: 5 }, {}, 'plain'],
    ['--json wins over a terminal', {}, tty, { json: true }, 'json'],
    ['--quiet wins over a terminal', {}, tty, { quiet: true }, 'quiet'],
  ]
  for (const [title, env, stdout, flags, kind] of cases) test(title, () => { assert.equal(chooseReport(env, stdout, flags).kind, kind) })

  test('NO_COLOR wins over FORCE_COLOR, and FORCE_COLOR over a pipe', () => {
    const colour = (env: Record<string, string>, stdout: object): boolean => chooseReport(env, stdout).colour
    assert.deepEqual([colour({}, tty), colour({}, {}), colour({ FORCE_COLOR: '1' }, {}), colour({ FORCE_COLOR: '0' }, tty), colour({ NO_COLOR: '1', FORCE_COLOR: '1' }, tty), colour({ NO_COLOR: '' }, tty)], [true, false, true, false, false, true])
  })

  test('the C locale and the Linux console get ASCII', () => {
    const unicode = (env: Record<string, string>): boolean => chooseReport(env, tty).unicode
    assert.deepEqual([unicode({}), unicode({ LANG: 'C' }), unicode({ LANG: 'C', LC_ALL: 'C.UTF-8' }), unicode({ TERM: 'linux', LANG: 'de_DE.UTF-8' })], [true, false, true, false])
  })
})
