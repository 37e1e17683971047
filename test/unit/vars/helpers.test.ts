/** What the helpers of templates give, and what they refuse. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { FarmError, InputError } from '../../../src/errors.ts'
import { forgetSecrets, mask } from '../../../src/secrets.ts'
import { layerOf, Scope, yamlLayer } from '../../../src/vars/index.ts'
import { controllerLookups, makeHelpers } from '../../../src/vars/helpers.ts'

const lookups = { env: (name: string) => ({ HOME: '/home/al', TOKEN: 'tok-1234-en' })[name], file: (path: string) => `<${path}>\n` }
const data = 'n: 5\nlist: [b, a, b]\nnums: [10, 9, 1.5]\nmap: {x: 1, y: {z: 2}}\nmaps: [{name: w, n: 2}, {name: v, n: 1}]\nmac: 52:54:00:00:00:01\nempty: []\n'
const scope = (expression: string): Scope => new Scope([yamlLayer(`it: '${expression.replaceAll("'", "''")}'\n${data}`, 'f.yml')], { lookups })
after(forgetSecrets)

const cases: Readonly<Record<string, readonly (readonly [string, unknown])[]>> = {
  'text and patterns': [
    ['{{ trim "  x " }}', 'x'],
    ['{{ split "a, b" ", " }}', ['a', 'b']],
    ['{{ split " a  b " }}', ['a', 'b']],
    ['{{ capitalize "wEB" }}', 'Web'],
    ['{{ startswith "web1" "web" }}', true],
    ['{{ endswith "web1" "web" }}', false],
    ['{{ pad 7 2 }}', '07'],
    ['{{ pad "x" 3 "." }}', '..x'],
    ['{{ repeat "ab" 2 }}', 'abab'],
    ['{{ expanduser "~/x" }}', '/home/al/x'],
    ['{{ expanduser "~al/x" }}', '~al/x'],
    ['{{ match "web12" "web\\d" }}', true],
    ['{{ match "a-web12" "web\\d" }}', false],
    ['{{ match "xb" "a|b" }}', false],
    ['{{ search "a-web12" "web\\d+$" }}', true],
    ['{{ search "WEB" "(?i)web" }}', true],
    ['{{ match "WEB" "(?i)web" }}', true],
    ['{{ regex_search "v1.20" "(\\d+)\\.(\\d+)" }}', '1.20'],
    ['{{ regex_search "v1.20" "(\\d+)\\.(\\d+)" "\\2" }}', '20'],
    ['{{ default (regex_search "v" "\\d") "none" }}', 'none'],
    ['{{ regex_findall "a1b22" "\\d+" }}', ['1', '22']],
    ['{{ regex_findall "a=1,b=2" "(\\w)=(\\d)" }}', [['a', '1'], ['b', '2']]],
    ['{{ regex_replace "debian-12" "^(\\w+)-(\\d+)$" "\\2:$1\\1" }}', '12:$1debian'],
    ['{{ regex_replace "x-1" "(?P<n>\\d)" "<\\g<n>>" }}', 'x-<1>'],
    ['{{ regex_replace "ab" "\\Aa" "" }}', 'b'],
    ['{{ regex_split "a1b2c" "\\d" }}', ['a', 'b', 'c']],
    ['{{ regex_escape "a.b*" }}', 'a\\.b\\*'],
    ['{{ select list "^b" }}', ['b', 'b']],
    ['{{ reject list "^b" }}', ['a']],
  ],
  'lists and maps': [
    ['{{ length list }}{{ length map }}{{ length "é😀" }}', '322'],
    ['{{ first list }}{{ last list }}', 'bb'],
    ['{{ slice list 1 }}', ['a', 'b']],
    ['{{ slice "abcd" 1 -1 }}', 'bc'],
    ['{{ sort list }}', ['a', 'b', 'b']],
    ['{{ sort nums }}', [1.5, 9, 10]],
    ['{{ pluck (sort maps "n") "name" }}', ['v', 'w']],
    ['{{ unique list }}', ['b', 'a']],
    ['{{ unique (append maps (first maps)) }}', [{ name: 'w', n: 2 }, { name: 'v', n: 1 }]],
    ['{{ reverse nums }}', [1.5, 9, 10]],
    ['{{ flatten (list 1 (list 2 (list 3))) }}', [1, 2, 3]],
    ['{{ range 3 }}', [0, 1, 2]],
    ['{{ range 1 10 4 }}', [1, 5, 9]],
    ['{{ range 3 0 -1 }}', [3, 2, 1]],
    ['{{ union list (list "c") }}', ['b', 'a', 'c']],
    ['{{ intersect list (list "a" "z") }}', ['a']],
    ['{{ difference list (list "b") }}', ['a']],
    ['{{ keys map }}', ['x', 'y']],
    ['{{ values map }}', [1, { z: 2 }]],
    ['{{#each (items map)}}{{key}};{{/each}}', 'x;y;'],
    ['{{ dict "a" 1 "b" list }}', { a: 1, b: ['b', 'a', 'b'] }],
    ['{{ combine map (dict "y" (dict "q" 3)) }}', { x: 1, y: { q: 3 } }],
    ['{{ combine map (dict "y" (dict "q" 3)) "recursive" }}', { x: 1, y: { z: 2, q: 3 } }],
    ['{{ in "a" list }}{{ in "x" map }}{{ in "1" "212" }}{{ contains nums 9 }}', 'truetruetruetrue'],
  ],
  'numbers, comparisons and conversions': [
    ['{{ add n 1 2 }}', 8],
    ['{{ sub n 7 }}', -2],
    ['{{ mul n 2 }}', 10],
    ['{{ div 7 2 }}', 3.5],
    ['{{ mod -1 4 }}', 3],
    ['{{ int (div 7 2) }}', 3],
    ['{{ int "12" }}', 12],
    ['{{ int "x" 0 }}', 0],
    ['{{ float "1.50" }}', 1.5],
    ['{{ bool "yes" }}{{ bool "Off" }}{{ bool 1 }}', 'truefalsetrue'],
    ['{{ string n }}', '5'],
    ['{{ round 2.345 2 }} {{ floor -1.5 }} {{ ceil 1.2 }} {{ abs -3 }}', '2.35 -2 2 3'],
    ['{{ min nums }}{{ max 1 2 }}{{ sum nums }}', '1.5220.5'],
    ['{{ lt n 6 }}{{ le n 5 }}{{ gt "b" "a" }}{{ ge 1 2 }}', 'truetruetruefalse'],
    ['{{ eq list (list "b" "a" "b") }}{{ ne n "5" }}', 'truetrue'],
  ],
  'encodings, hashes, and what a seed gives': [
    ['{{ b64decode (b64encode "é") }}', 'é'],
    ['{{ from_json "{\\"a\\": [1]}" }}', { a: [1] }],
    ['{{ lookup (from_json (to_json map)) "x" }}', 1],
    ['{{ urlencode "a b/ü" }}', 'a%20b%2F%C3%BC'],
    ['{{ md5 "x" }}', '9dd4e461268c8034f5c8564e155c67a6'],
    ['{{ sha1 "x" }}', '11f6ad8ec52a2984abaafd7c3b516503785c2072'],
    ['{{ sha256 "" }}', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['{{ length (sha512 "x") }}', 128],
    ['{{ hash "x" "md5" }}', '9dd4e461268c8034f5c8564e155c67a6'],
    ['{{ to_uuid "x" }}', '66b2f013-1baa-5313-9c8c-e6f1182e0e90'],
    ['{{ uuid5 "python.org" "6ba7b810-9dad-11d1-80b4-00c04fd430c8" }}', '886313e1-3b8a-5372-9b90-0c9aee199e5d'],
  ],
  'addresses and networks': [
    ['{{ ip_network "10.1.2.3/8" }} {{ ip_subnet "10.1.2.3/255.255.255.0" }}', '10.0.0.0 10.1.2.0/24'],
    ['{{ ip_netmask "10.0.0.0/20" }} {{ ip_prefix "10.0.0.0/20" }} {{ ip_broadcast "10.0.0.1/20" }}', '255.255.240.0 20 10.0.15.255'],
    ['{{ ip_add "10.0.0.255" 1 }} {{ ip_add "10.0.1.0/24" -1 }}', '10.0.1.0 10.0.0.255/24'],
    ['{{ ip_nth "10.0.0.0/24" 10 }} {{ ip_nth "10.0.0.77/24" -2 }}', '10.0.0.10 10.0.0.254'],
    ['{{ ip_range "10.0.0.254" "10.0.1.1" }}', ['10.0.0.254', '10.0.0.255', '10.0.1.0', '10.0.1.1']],
    ['{{ ip_in "10.0.0.5" "10.0.0.0/29" }}{{ ip_in "10.0.0.8" "10.0.0.0/29" }}{{ ip_in "10.0.0.0/30" "10.0.0.0/29" }}{{ ip_in "::1" "10.0.0.0/8" }}', 'truefalsetruefalse'],
    ['{{ ip_nth "fd00:1::/64" 1 }} {{ ip_subnet "fd00:1::ff/64" }} {{ ip_version "::1" }}', 'fd00:1::1 fd00:1::/64 6'],
    ['{{ ip_add "fd00::ffff:ffff" 1 }} {{ ip_netmask "fd00::/48" }}', 'fd00::1:0:0 ffff:ffff:ffff::'],
    ['{{ ip_address "10.0.0.5/24" }} {{ ip_size "10.0.0.0/24" }}', '10.0.0.5 256'],
  ],
}

for (const [title, examples] of Object.entries(cases)) {
  describe(`helpers for ${title}`, () => {
    for (const [template, expected] of examples) test(`${template} is ${JSON.stringify(expected)}`, () => assert.deepEqual(scope(template).get('it'), expected))
  })
}

describe('seeded ports and addresses', () => {
  // Made with Python's random.Random(name): the numbers that Ansible's filters gave these machines.
  const golden: readonly (readonly [string, number, string])[] = [
    ['VM Arch-Linux_amd64', 23465, '52:54:00:bc:53:10'],
    ['VM debian_12_amd64', 50205, '52:54:00:e6:bb:84'],
    ['VM debian_12_arm64', 4480, '52:54:00:2c:08:e7'],
    ['VM debian_12_ppc64', 38081, '52:54:00:b8:8c:28'],
    ['VM debian_sid_amd64', 13809, '52:54:00:33:2d:58'],
    ['VM debian_sid_user_amd64', 38066, '52:54:00:6a:8c:19'],
  ]
  for (const [name, port, mac] of golden) {
    test(`${name} keeps the port ${port} and the address ${mac}`, () => {
      assert.equal(scope(`{{ random_port "${name}" 2201 65535 }}`).get('it'), port)
      assert.equal(scope(`{{ random_port "${name}" }}`).get('it'), port)
      assert.equal(scope(`{{ random_mac "${name}" "52:54:00" }}`).get('it'), mac)
    })
  }
  test('a seed beyond ASCII works, and a longer prefix is kept', () => {
    assert.equal(scope('{{ random_port "é" }}').get('it'), 63828)
    assert.equal(scope('{{ random_mac "é" "52:54:00:aa" }}').get('it'), '52:54:00:aa:28:6a')
  })
})

describe('a helper refuses', () => {
  const refused = [
    '{{ add n "1" }}', '{{ add 1 }}', '{{ div 1 0 }}', '{{ mod 1 0 }}', '{{ lt 1 "2" }}', '{{ int "1.5" }}', '{{ int "" }}', '{{ bool "2" }}', '{{ float "x" }}',
    '{{ first empty }}', '{{ min empty }}', '{{ sort (list 1 "a") }}', '{{ keys list }}', '{{ range 1 2 0 }}', '{{ range 1000000000 }}', '{{ repeat "aaaaaaaaaa" 100000000 }}', '{{ pluck maps "nope" }}', '{{ dict "a" }}',
    '{{ dict "__proto__" 1 }}', '{{ combine map (dict "constructor" 1) }}', '{{ from_json "{\\"__proto__\\": 1}" }}', '{{ from_json "{" }}', '{{ from_yaml "!vault x" }}', '{{ b64decode "???" }}', '{{ b64decode "//79" }}',
    '{{ hash "x" "crc" }}', '{{ uuid5 "x" "y" }}', '{{ random_port "x" 5 5 }}', '{{ random_mac "x" "zz" }}', '{{ regex_search "x" "(" }}', '{{ regex_search "x" "x" 3 }}', '{{ trim list }}',
    '{{ ip_add "10.1" 1 }}', '{{ ip_add "010.0.0.1" 1 }}', '{{ ip_add "10.0.0.256" 1 }}', '{{ ip_add "255.255.255.255" 1 }}', '{{ ip_prefix "10.0.0.0/33" }}', '{{ ip_prefix "10.0.0.0/255.0.255.0" }}', '{{ ip_nth "10.0.0.0/30" 4 }}', '{{ ip_range "10.0.0.2" "10.0.0.1" }}', '{{ ip_range "::" "::ffff:ffff" }}', '{{ ip_network "fe80::1%eth0" }}', '{{ secret }}',
  ]
  for (const template of refused) test(template, () => assert.throws(() => scope(template).get('it'), InputError))
  test('a pattern that would run for years, within a second', () => {
    const start = performance.now()
    assert.throws(() => scope(`{{ match "${'a'.repeat(60)}!" "(a+)+$" }}`).get('it'), /too long/)
    assert.ok(performance.now() - start < 5000)
  })
})

describe('{{secret}}', () => {
  test('passes its value through and hides it from then on', () => {
    assert.equal(mask('tok-1234-en'), 'tok-1234-en')
    assert.equal(scope('{{secret (env "TOKEN")}}').get('it'), 'tok-1234-en')
    assert.equal(mask('x tok-1234-en'), 'x ********')
  })
})

describe('any helper with any arguments', () => {
  const names = Object.keys(makeHelpers(controllerLookups)).filter((name) => !['file', 'env', 'secret'].includes(name))
  const argument = fc.oneof(fc.constantFrom('n', 'list', 'nums', 'map', 'maps', 'mac', 'empty', '"__proto__"', '"constructor"', '"prototype"', '"toString"', '-1', '0', '3', 'true', '""', '"a"', '"10.0.0.0/24"', '"::1/64"', '"(a|b)*c"', '(keys map)', '(dict "a" 1)', '(lookup map "__proto__")', 'map.__proto__', 'list.constructor', '@root', 'this'), fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text).replaceAll('\\', '')))
  test('gives plain data or an error with a place, and reaches no prototype', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(argument, { maxLength: 4 }), (name, args) => {
        const s = new Scope([yamlLayer(data, 'f.yml'), layerOf('x', { it: `{{${name} ${args.join(' ')}}}` })], { lookups })
        let value: unknown
        try {
          value = s.get('it')
        } catch (error) {
          assert.ok(error instanceof FarmError, `${name} ${args.join(' ')}: ${String((error as Error).stack)}`)
          return
        }
        assertPlain(value, `${name} ${args.join(' ')}`)
      }),
      { numRuns: 3000 },
    )
    assert.equal(({} as Record<string, unknown>)['a'], undefined)
    assert.equal(Object.keys(Object.prototype).length, 0)
  })
})

function assertPlain(value: unknown, what: string): void {
  assert.ok(value === null || ['string', 'number', 'boolean', 'object'].includes(typeof value), `${what}: ${typeof value}`)
  if (typeof value !== 'object' || value === null) return
  assert.ok([Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value) as object), what)
  for (const item of Object.values(value)) assertPlain(item, what)
}
