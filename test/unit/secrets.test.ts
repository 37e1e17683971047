/** What nobody may see is seen nowhere, in whatever form it is written; and nothing else changes. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { afterEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { shellQuote } from '../../src/quote.ts'
import { conceal, concealAll, forgetSecrets, MASK, mask, masked } from '../../src/secrets.ts'

afterEach(forgetSecrets)

describe('a secret', () => {
  const secret = `p'w <a>&"é" 1/2\\`
  const forms: Readonly<Record<string, string>> = {
    'as it is': secret,
    'quoted for a shell': shellQuote(secret),
    'in JSON': JSON.stringify(secret),
    'in XML text': secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    'in an XML attribute': secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&apos;'),
    'in an address': encodeURIComponent(secret),
    'in a form': new URLSearchParams({ x: secret }).toString().slice(2),
    'in Base64': Buffer.from(secret).toString('base64'),
    'in Base64 without padding': Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    'in Base64 for addresses': Buffer.from(secret).toString('base64url'),
  }
  for (const [name, form] of Object.entries(forms)) {
    test(`is hidden ${name}`, () => {
      conceal(secret)
      const shown = mask(`> ${form} <`)
      assert.ok(shown.includes(MASK), shown)
      assert.match(shown, /^> ["']?\*{8}=*["']? <$/)
    })
  }
  test('is hidden where it occurs twice, and next to another', () => {
    conceal('alpha')
    conceal('alphabet')
    conceal('betagamma')
    assert.equal(mask('alpha alphabet alpha.'), '******** ******** ********.')
    assert.equal(mask('xalphabetagammax'), `x${MASK}x`)
  })
  test('of many lines is hidden line by line, and its armour is not', () => {
    conceal('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nshort\nc2Vjb25kbGluZQ==\n-----END OPENSSH PRIVATE KEY-----\n')
    assert.equal(mask('1: b3BlbnNzaC1rZXktdjEAAAAA'), '1: ********')
    assert.equal(mask('  c2Vjb25kbGluZQ=='), '  ********')
    assert.equal(mask('short -----BEGIN OPENSSH PRIVATE KEY-----'), 'short -----BEGIN OPENSSH PRIVATE KEY-----')
  })
  test('is hidden with and without the newline that it was read with', () => {
    conceal('fromafile\n')
    assert.equal(mask('fromafile'), MASK)
  })
  test('that would hide everything else is left alone', () => {
    for (const text of ['', 'a', 'ab', '  a ', 'true', 'False', 'null']) conceal(text)
    assert.equal(mask('ab true a null False'), 'ab true a null False')
  })
  test('may hold anything: patterns, half a character, a dollar sign', () => {
    for (const text of ['a.*b', '[x', '$& $1', '\ud800abc', '(((']) conceal(text)
    assert.equal(mask('axxb a.*b [x $& $1 ((('), 'axxb ******** [x ******** ********')
    assert.equal(mask('\ud800abc'), MASK)
  })
  test('never survives, whatever stands around it, and a shell agrees about the quoted form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 3, maxLength: 12 }).filter((text) => text.trim().length >= 3 && !/[\0\ud800-\udfff*]/.test(text) && !['true', 'false', 'null', 'none', 'yes', 'off'].includes(text.toLowerCase())), fc.string(), fc.string(), (text, before, behind) => {
        forgetSecrets()
        conceal(text)
        for (const form of [text, shellQuote(text), JSON.stringify(text), encodeURIComponent(text)]) assert.ok(!mask(before + form + behind).includes(form))
      }),
      { numRuns: 500 },
    )
    conceal("it's me")
    assert.equal(execFileSync('sh', ['-c', `printf %s ${shellQuote("it's me")}`], { encoding: 'utf8' }), "it's me")
    assert.equal(mask(shellQuote("it's me")), `'${MASK}'`)
  })
})

describe('plain data', () => {
  test('is masked at every depth, keys too, and the original stays', () => {
    conceal('hush-hush')
    const data = { a: ['x hush-hush', 1, null], 'k hush-hush': { b: true }, date: new Date(0) }
    assert.deepEqual(masked(data), { a: [`x ${MASK}`, 1, null], [`k ${MASK}`]: { b: true }, date: new Date(0) })
    assert.equal(data.a[0], 'x hush-hush')
  })
  test('without a secret in it is the very same object', () => {
    const data = { a: ['x', { b: 1 }] }
    assert.equal(masked(data), data)
    conceal('hush-hush')
    assert.equal(masked(data), data)
    assert.equal(masked(undefined), undefined)
  })
  test('can be concealed as a whole: texts and long numbers, not its keys', () => {
    concealAll({ user: 'operator', pins: [987654, 22, true] })
    assert.equal(mask('user operator 987654 22 true'), 'user ******** ******** 22 true')
  })
})

test('masking costs next to nothing', () => {
  const time = (): number => {
    const start = performance.now()
    for (let i = 0; i < 20_000; i++) mask('host web1: changed: install the packages in 3 s')
    return ((performance.now() - start) / 20_000) * 1000
  }
  time()
  // Measured: 0.04 µs without secrets, 0.4 µs with fifty; the limits leave room for a busy machine.
  assert.ok(time() < 1)
  for (let i = 0; i < 50; i++) conceal(`${(i * 7919).toString(36)}-password-${i}`)
  time()
  assert.ok(time() < 20)
})
