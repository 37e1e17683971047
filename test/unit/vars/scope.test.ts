/** What templates in values mean, and how their mistakes are told. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InputError } from '../../../src/errors.ts'
import { layerOf, parseExtraVars, Scope, yamlLayer } from '../../../src/vars/index.ts'

const lookups = { env: (name: string) => (name === 'HOME' ? '/home/al' : undefined), file: (path: string) => `<${path}>\n` }
const scope = (text: string): Scope => new Scope([yamlLayer(text, 'f.yml')], { lookups })
const value = (expression: string, more = ''): unknown => scope(`it: '${expression.replaceAll("'", "''")}'\n${more}`).get('it')

function failure(text: string, name: string): InputError {
  try {
    scope(text).get(name)
  } catch (error) {
    assert.ok(error instanceof InputError, String((error as Error).stack))
    return error
  }
  throw new assert.AssertionError({ message: `${name} should not have a value` })
}

describe('a value that is a template', () => {
  test('keeps its type when it is one expression, and is text otherwise', () => {
    const more = 'n: 5\nlist: [1, {a: x}]\nyes_: true\nnothing: null\n'
    assert.equal(value('{{ n }}', more), 5)
    assert.equal(value('{{ yes_ }}', more), true)
    assert.equal(value('{{ nothing }}', more), null)
    assert.deepEqual(value('{{ list }}', more), [1, { a: 'x' }])
    assert.equal(value('{{ n }} ', more), '5 ')
    assert.equal(value('{{ list.[1].a }}', more), 'x')
  })
  test('does not add numbers up', () => assert.equal(value('{{a}}{{b}}', 'a: 1\nb: 2\n'), '12'))
  test('does not escape', () => assert.equal(value('x{{a}}', 'a: "<&\\"\'=`"\n'), 'x<&"\'=`'))
  test('is never read again: text that looks like a list or a template stays text', () => {
    assert.equal(value('{{ a }}', 'a: "[1, 2]"\n'), '[1, 2]')
    assert.equal(value('{{ a }}', 'a: !unsafe "{{ b }}"\n'), '{{ b }}')
  })
  test('resolves through other variables, also inside lists and maps', () => {
    const text = 'url: "{{ base }}/{{ name }}"\nbase: https://x/{{ release }}\nrelease: 20241007\nname: "{{ parts.[0] }}.{{ parts.[1] }}"\nparts: ["img-{{ release }}", qcow2]\n'
    assert.equal(scope(text).get('url'), 'https://x/20241007/img-20241007.qcow2')
  })
  test('is resolved only when it is asked for, part by part', () => {
    const lazy = scope('bad: "{{ nope }}"\nmap: {good: 1, bad: "{{ nope }}"}\nit: "{{ map.good }}"\n')
    assert.equal(lazy.get('it'), 1)
  })
  test('uses the value of the highest layer, wherever it is used', () => {
    const stack = new Scope([yamlLayer('a: low\nb: "{{ a }}"\n', 'low.yml'), yamlLayer('a: high\n', 'high.yml')])
    assert.equal(stack.get('b'), 'high')
  })
  test('may have variables named like helpers', () => assert.equal(value('{{ path }} {{ lower file }}', 'path: /x\nfile: Y\n'), '/x y'))
})

describe('helpers', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['{{ default nope "d" }}', 'd'],
    ['{{ default nothing 3 }}', 3],
    ['{{ default a.b.c "d" }}', 'd'],
    ['{{ default n 3 }}', 5],
    ['{{ ternary (ne arch "x86_64") "qemu" "kvm" }}', 'qemu'],
    ['{{ ternary (eq n 5) true false }}', true],
    ['{{ join list "," }}', 'a,b'],
    ['{{ lower "ÄB" }}{{ upper "x" }}', 'äbX'],
    ['{{ replace "a.b.c" "." "$&" }}', 'a$&b$&c'],
    ['{{ basename "/x/y.z" }} {{ dirname "/x/y.z" }}', 'y.z /x'],
    ['{{ path "/x/" "y" n }}', '/x/y/5'],
    ['{{ env "HOME" }}', '/home/al'],
    ['{{ env "NOPE" "none" }}', 'none'],
    ['{{ file "~/.ssh/id.pub" }}', '<~/.ssh/id.pub>'],
    ['{{ b64 "é" }}', 'w6k='],
    ['{{ json list }}', '["a","b"]'],
    ['{{ concat "a" n }}', 'a5'],
    ['{{#if (eq n 5)}}five{{else}}other{{/if}}', 'five'],
  ]
  for (const [template, expected] of cases) {
    test(`${template} is ${JSON.stringify(expected)}`, () => assert.deepEqual(value(template, 'n: 5\nnothing: null\narch: aarch64\nlist: [a, b]\na: {}\n'), expected))
  }
})

describe('a mistake in a template', () => {
  test('an undefined name is told with the variable that uses it, its file and line, and what was probably meant', () => {
    const error = failure('vm_mem: 1\nx:\n  - ok\n  - "{{ vm_men }} MiB"\n', 'x')
    assert.match(error.message, /vm_men is not defined; used by x\.1/)
    assert.deepEqual(error.location, { file: 'f.yml', line: 4, column: 5 })
    assert.equal(error.hint, 'did you mean vm_mem?')
  })
  test('an undefined name in an argument of a helper is an error as well', () => {
    assert.match(failure('x: "{{ lower nope }}"\n', 'x').message, /nope is not defined/)
    assert.match(failure('x: "{{#if nope}}a{{/if}}"\n', 'x').message, /nope is not defined/)
    assert.match(failure('x: "{{#each a.nope}}a{{/each}}"\na: {}\n', 'x').message, /a\.nope is not defined/)
  })
  test('a cycle prints the cycle', () => {
    const error = failure('a: "{{ b }}"\nb: "x{{ a }}"\nc: "{{ a }}"\n', 'c')
    assert.match(error.message, /: a → b → a$/)
    assert.equal(error.location?.line, 1)
    assert.match(failure('a: {x: "{{ a.y }}", y: "{{ a.x }}"}\n', 'a').message, /a\.x → a\.y → a\.x/)
  })
  test('null and lists have no place in text', () => {
    assert.match(failure('a: null\nb: "x {{ a }}"\n', 'b').message, /a is null/)
    assert.match(failure('a: [1]\nb: "x {{ a }}"\n', 'b').message, /a is a list/)
  })
  test('nothing leads to a prototype or to code', () => {
    for (const expression of ['{{ a.__proto__ }}', '{{ constructor }}', '{{ a.[constructor] }}', '{{ toString }}', '{{ a.toString }}', '{{ lookup a "constructor" }}', '{{ lookup a "__proto__" }}', '{{ helperMissing 1 }}', '{{ log a }}']) {
      failure(`a: {b: 1}\nx: '${expression}'\n`, 'x')
    }
  })
  test("Jinja's filters, statements and indexes get the Handlebars form as a hint", () => {
    assert.equal(failure('x: "{{ y | default(\'d\') }}"\n', 'x').hint, 'Jinja\'s filters are helpers here: {{default y "d"}}')
    assert.match(failure('x: "{% if a %}b{% endif %}"\n', 'x').hint ?? '', /\{\{#if x\}\}/)
    assert.match(failure('x: "a {# b #}"\n', 'x').message, /Jinja/)
    assert.match(failure('x: "{{ a[0] }}"\n', 'x').hint ?? '', /a\.\[0\]/)
  })
  test('unknown helpers, three braces, partials and too few arguments are errors', () => {
    for (const template of ['{{ foo 1 }}', '{{{ a }}}', '{{> a}}', '{{ replace a "b" }}', '{{#foo}}{{/foo}}', '{{ ternary "false" 1 2 }}', '{{ env "NOPE" }}']) failure(`a: x\nx: '${template}'\n`, 'x')
  })
  test('a missing environment variable is named', () => assert.match(failure('x: \'{{ env "HOSTNAME" }}\'\n', 'x').message, /^env there is no environment variable HOSTNAME;/))
  test('after a mistake the scope still works', () => {
    const s = scope('a: "{{ nope }}"\nb: "{{ c }}"\nc: 1\n')
    assert.throws(() => s.get('a'))
    assert.throws(() => s.get('a'), { code: 'undefined-variable' })
    assert.equal(s.get('b'), 1)
  })
})

describe('a scope', () => {
  test('explains who set a variable, where, and who won', async () => {
    const extra = await parseExtraVars(['a=9'], '/')
    const stack = new Scope([yamlLayer('z: 1\na: 1\n', 'all.yml'), yamlLayer('b: 1\n', 'web.yml'), yamlLayer('a: "{{ b }}"\n', 'h1.yml'), ...extra])
    assert.deepEqual(stack.explain('a'), [
      { layer: 'all.yml', location: { file: 'all.yml', line: 2, column: 1 }, value: 1, won: false },
      { layer: 'h1.yml', location: { file: 'h1.yml', line: 1, column: 1 }, value: '{{ b }}', won: false },
      { layer: '--extra-vars', location: { file: '--extra-vars' }, value: '9', won: true },
    ])
    assert.deepEqual(stack.explain('nope'), [])
    assert.deepEqual(stack.all(), { z: 1, a: '9', b: 1 })
  })
  test('refuses a name that no layer sets', () => {
    assert.throws(() => scope('vm_mem: 1').get('vm_men'), { code: 'undefined-variable', hint: 'did you mean vm_mem?' })
    assert.equal(scope('a: 1').has('toString'), false)
  })
  test('gives data that can be changed without changing the layers', () => {
    const s = scope('a: [1]\n')
    ;(s.get('a') as number[]).push(2)
    assert.deepEqual(s.get('a'), [1])
  })
  test('layers made by hand refuse names of prototypes', () => assert.throws(() => layerOf('x', JSON.parse('{"__proto__": 1}') as Record<string, unknown>), { code: 'forbidden-key' }))
})

describe('--extra-vars', () => {
  const set = async (...args: string[]): Promise<unknown> => new Scope(await parseExtraVars(args, '/nope')).all()
  test('takes several pairs, quotes and templates in one argument', async () => {
    assert.deepEqual(await set('a=1 b="x y" c={{ a }}-{{ lower "B" }}'), { a: '1', b: 'x y', c: '1-b' })
  })
  test('takes JSON and YAML flow with their types', async () => {
    assert.deepEqual(await set('{"a": [1, true]}', '{b: yes, c: x}'), { a: [1, true], b: true, c: 'x' })
  })
  for (const arg of ['foo', '=1', 'a=1 foo', './x.yml', '@nope.yml', '[1]', '{', "a='x", 'a={{ b', '__proto__=1', '{"__proto__": 1}']) {
    test(`refuses ${arg}`, () => assert.rejects(parseExtraVars([arg], '/nope'), InputError))
  }
})
