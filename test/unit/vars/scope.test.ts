/** What templates in values mean, and how their mistakes are told. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { InputError } from '../../../src/errors.ts'
import { forgetSecrets, mask } from '../../../src/secrets.ts'
import { layerOf, parseExtraVars, Scope, yamlLayer, type OtherHosts } from '../../../src/vars/index.ts'

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

describe('secrets', () => {
  afterEach(forgetSecrets)
  test('text tagged !secret is an ordinary value, rendered, and hidden wherever it shows', () => {
    const s = scope('a: !secret "open sesame"\nb: !secret "tok-{{ n }}"\nn: 77777\nc: "x {{ b }}"\n')
    assert.equal(mask('open sesame'), '********')
    assert.equal(s.get('c'), 'x tok-77777')
    assert.equal(mask('tok-77777 open sesame'), '******** ********')
  })
  test('passwords of connections are hidden when they are read, whoever set them', () => {
    const names = ['ansible_password', 'ansible_ssh_pass', 'ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass']
    const s = scope(names.map((name, index) => `${name}: "{{ p }}-${index}"\n`).join('') + 'p: hushhush\nansible_passing: yes-it-is\n')
    for (const name of [...names, 'ansible_passing']) s.get(name)
    for (const index of names.keys()) assert.equal(mask(`hushhush-${index}`), '********')
    assert.equal(mask('yes-it-is'), 'yes-it-is')
  })
  test('are masked when they are explained: as written, rendered, and in what a mistake quotes', () => {
    const s = scope('a: !secret abcdef\nb: "x-{{ a }}"\nansible_password: pa55word\nansible_become_pass: "{{ a }}"\n')
    assert.deepEqual(s.explain('a')[0]?.value, '********')
    assert.deepEqual(s.explain('b')[0], { layer: 'f.yml', location: { file: 'f.yml', line: 2, column: 1 }, value: 'x-{{ a }}', won: true, rendered: 'x-********' })
    assert.equal(s.explain('ansible_password')[0]?.value, '********')
    assert.deepEqual(s.explain('ansible_become_pass').map(({ value, rendered }) => [value, rendered]), [['{{ a }}', '********']])
  })
})

describe('hostvars', () => {
  const farm = (texts: Readonly<Record<string, string>>): { readonly of: (name: string) => Scope; readonly made: string[] } => {
    const scopes = new Map<string, Scope>()
    const made: string[] = []
    const others: OtherHosts = { names: () => Object.keys(texts), scope: of }
    function of(name: string): Scope {
      const known = scopes.get(name) ?? new Scope([yamlLayer(texts[name] ?? '', `${name}.yml`)], { host: name, others, lookups })
      if (!scopes.has(name)) made.push(name)
      scopes.set(name, known)
      return known
    }
    return { of, made }
  }
  test('are the rendered variables of other hosts, of names with blanks too', () => {
    const { of } = farm({ web1: 'a: "{{ hostvars.web2.address }}"\nb: \'{{ lookup (lookup hostvars "web 3") "address" }}\'\nc: "{{ hostvars.[web 3].address }}"\n', web2: 'net: "10.0"\naddress: "{{ net }}.0.2"\n', 'web 3': 'address: x\n' })
    assert.deepEqual(of('web1').all(), { a: '10.0.0.2', b: 'x', c: 'x' })
    assert.equal(of('web1').has('hostvars'), false)
  })
  test('are made for the hosts that are asked for only', () => {
    const { of, made } = farm({ web1: 'a: "{{ hostvars.web2.b }}"', web2: 'b: 1', web3: '' })
    of('web1').get('a')
    assert.deepEqual(made, ['web1', 'web2'])
  })
  test('can be a whole map', () => assert.deepEqual(farm({ web1: 'a: "{{ hostvars.web2 }}"', web2: 'b: "{{ c }}"\nc: [1]\n' }).of('web1').get('a'), { b: [1], c: [1] }))
  test('in a circle are an error that prints the circle with its hosts', () => {
    const { of } = farm({ web1: 'a: "{{ hostvars.web2.b }}"', web2: 'b: "{{ hostvars.web1.a }}"' })
    assert.throws(() => of('web1').get('a'), { code: 'variable-cycle', message: /web1: a → web2: b → web1: a$/ })
  })
  test('of an unknown host are an error that names a near one', () => {
    assert.throws(() => farm({ web1: 'a: "{{ hostvars.wbe2.b }}"', web2: 'b: 1' }).of('web1').get('a'), { code: 'undefined-variable', hint: 'did you mean web2?' })
    assert.throws(() => farm({ web1: 'a: "{{ hostvars.web2.c }}"', web2: 'b: 1' }).of('web1').get('a'), /hostvars\.web2\.c is not defined; used by a/)
  })
  test('may name the host itself', () => assert.equal(farm({ web1: 'a: 1\nb: "{{ hostvars.web1.a }}"' }).of('web1').get('b'), 1))
})

test('a variable that is made a part of itself is an error', () => assert.throws(() => scope('a: "{{ this }}"').get('a'), { code: 'variable-cycle' }))

describe('explaining', () => {
  test('a template shows its value, or why it has none', () => {
    const s = scope('a: ["{{ b }}"]\nb: 1\nc: "{{ nope }}"\n')
    assert.deepEqual(s.explain('a')[0]?.rendered, [1])
    assert.match(s.explain('c')[0]?.problem ?? '', /nope is not defined/)
  })
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
  const observed: readonly (readonly [string, Record<string, unknown>])[] = [
    ['x=a b=', { x: 'a', b: '' }],
    ['x==a y=b=c', { x: '=a', y: 'b=c' }],
    ['  x=1  y=2 ', { x: '1', y: '2' }],
    ['x=1\ny=2', { x: '1', y: '2' }],
    ["x='a=b c=d' e=f", { x: 'a=b c=d', e: 'f' }],
    ["x=it\\'s", { x: "it's" }],
    ['x="a\\"b"', { x: 'a"b' }],
    [`x="'a'"`, { x: "'a'" }],
    [`x=a'b'c`, { x: "a'b'c" }],
    ['x="a"b', { x: '"a"b' }],
    ['x=C:\\temp', { x: 'C:\temp' }],
    ['x=\\u00e9\\x41\\q\\101', { x: 'éA\\q\\101' }],
    ['x=\\x22a\\x22', { x: 'a' }],
    ['x=a\tb=c', { x: 'a\tb=c' }],
    ['x={a y=[1,2]', { x: '{a', y: '[1,2]' }],
    ['x=}} y=1', { x: '}}', y: '1' }],
    ['é=😀', { é: '😀' }],
    ['x=None y=~ z=!vault w=*a v=&a u=#c', { x: 'None', y: '~', z: '!vault', w: '*a', v: '&a', u: '#c' }],
    ['a.b=1 a-b=2 1a=3', { 'a.b': '1', 'a-b': '2', '1a': '3' }],
    ['x=1,y=2', { x: '1,y=2' }],
    ['{"x": {"y": [1, 2.5, true, null, "4"]}}', { x: { y: [1, 2.5, true, null, '4'] } }],
    ['{x: 1, y: two, z: off, w: "yes"}', { x: 1, y: 'two', z: false, w: 'yes' }],
    ['{"x": "a=b \\u00e9\\n"}', { x: 'a=b é\n' }],
    ['{}', {}],
  ]
  for (const [arg, expected] of observed) test(`reads ${JSON.stringify(arg)} as Ansible does`, async () => assert.deepEqual(await set(arg), expected))
  test('reads files whose names have blanks, of YAML and of JSON, and the last one wins', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'farm-extra-'))
    await writeFile(join(dir, 'a b.yml'), 'x: 0012\ny: yes\n')
    await writeFile(join(dir, 'c.json'), '{"x": [1], "z": null}')
    assert.deepEqual(new Scope(await parseExtraVars(['@a b.yml', 'x=1', '@c.json', 'z=2'], dir)).all(), { x: [1], y: true, z: '2' })
    await rm(dir, { recursive: true })
  })
  for (const arg of ['x= y', 'x = y', 'x: 1', 'x={"a": 1}', 'x=1 # c', ' @n.json', '~/n.json', 'x="\\\\"', '- 1', '{x: 1}{y: 2}', '{x: 1, x: 2}']) {
    test(`refuses ${arg}, of which Ansible drops a part`, () => assert.rejects(parseExtraVars([arg], '/nope'), InputError))
  }
})
