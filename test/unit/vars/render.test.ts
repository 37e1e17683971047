/** Documents made from templates: values stay values, whatever is in them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { XMLParser } from 'fast-xml-parser'
import { InputError, type Location } from '../../../src/errors.ts'
import { shellQuote } from '../../../src/quote.ts'
import { parseYaml, renderTemplate } from '../../../src/vars/index.ts'

let dir = ''
let count = 0
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'farm-templates-'))
})
after(() => rm(dir, { recursive: true }))

async function render(extension: string, source: string, data: object): Promise<string> {
  const name = `t${count++}.${extension}`
  await writeFile(join(dir, `${name}.hbs`), source)
  return (await renderTemplate(name, data, { dirs: [dir] })).text
}

async function refuses(extension: string, source: string, data: object, message: RegExp, at?: Partial<Location>): Promise<void> {
  await assert.rejects(render(extension, source, data), (error: unknown) => {
    assert.ok(error instanceof InputError, String((error as Error).stack))
    assert.match(error.message, message)
    assert.equal(error.location?.file?.endsWith('.hbs'), true)
    if (at) assert.deepEqual({ line: error.location?.line, column: error.location?.column }, at)
    return true
  })
}

const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/

describe('XML', () => {
  test('any text comes back from a parser as it was, from elements and from attributes', async () => {
    const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseTagValue: false, parseAttributeValue: false, trimValues: false, htmlEntities: true })
    const letters = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !notXml.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')))
    const nasty = fc.oneof(letters, fc.array(fc.constantFrom('<', '>', '&', '"', "'", ']]>', '--', '&amp;', '\n', '\t', ' ', '<!--', '{{x}}'), { maxLength: 8 }).map((parts) => parts.join('')))
    await fc.assert(
      fc.asyncProperty(nasty, async (x) => {
        const document = await renderFixed('xml', '<a b="{{x}}">-{{x}}-</a>', { x })
        const { a } = parser.parse(document) as { a: { b: string; '#text': string } }
        assert.equal(a.b, x)
        assert.equal(a['#text'], `-${x}-`)
      }),
      { numRuns: 200 },
    )
  })
  test('characters that XML forbids are an error with the place of the value', async () => {
    await refuses('xml', '<a>\n  {{x}}</a>', { x: 'a\u0007' }, /U\+0007/, { line: 2, column: 3 })
    await refuses('xml', '<a>{{x}}</a>', { x: '\ud800' }, /U\+D800/)
  })
})

/** Writes the template once, so that a property is fast. */
async function renderFixed(extension: string, source: string, data: object): Promise<string> {
  const name = `fixed.${extension}`
  await writeFile(join(dir, `${name}.hbs`), source)
  return (await renderTemplate(name, data, { dirs: [dir] })).text
}

describe('shell scripts', () => {
  test('any text reaches the command as one word, with and without {{sh}}', async () => {
    const texts = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !/[\0\ud800-\udfff]/.test(text))
    const nasty = fc.oneof(texts, fc.constantFrom('$(id)', '`id`', "'", "'\\''", '"', '\\', '; rm -rf /', '!', '*', '-n', '', ' ', '\n', '~', '#'))
    await fc.assert(
      fc.asyncProperty(nasty, async (x) => {
        const script = await renderFixed('sh', `printf '[%s]' {{x}} {{sh x}}`, { x })
        assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), `[${x}][${x}]`)
        assert.equal(execFileSync('sh', ['-c', `printf %s ${shellQuote(x)}`], { encoding: 'utf8' }), x)
      }),
      { numRuns: 60 },
    )
  })
  test('a list becomes words, and ${#variable} is not taken for Jinja', async () => assert.equal(await render('sh', 'f {{list}} ${#v}', { list: ['a b', 'c'] }), "f 'a b' c ${#v}"))
  test('a NUL character is refused', () => refuses('sh', 'f {{x}}', { x: 'a\0b' }, /NUL/))
})

describe('YAML and JSON', () => {
  test('any value comes back from a parser as it was', async () => {
    const json = fc.jsonValue({ maxDepth: 2 }).filter((value) => !/__proto__|constructor|prototype/.test(JSON.stringify(value)) && JSON.stringify(value) === JSON.stringify(JSON.parse(JSON.stringify(value))) && !/\d{16}/.test(JSON.stringify(value)))
    await fc.assert(
      fc.asyncProperty(json, async (x) => {
        const value = parseYaml(await renderFixed('yaml', 'a: {{x}}\nb: {{yaml x}}\n', { x }), 'f').value
        assert.equal(JSON.stringify(value), JSON.stringify({ a: x, b: x }))
      }),
      { numRuns: 200 },
    )
  })
  test('text that an old parser would misread is quoted', async () => assert.equal(await render('yaml', 'a: {{x}}', { x: 'yes' }), 'a: "yes"'))
})

describe('any document', () => {
  test('text is written as it is, and numbers do not add up', async () => assert.equal(await render('txt', '{{a}}{{a}} {{x}}', { a: 1, x: '<&\'"=`' }), '11 <&\'"=`'))
  test('blocks, loops and their variables work as in Handlebars', async () => {
    const source = '{{#each nics}}\n  {{@index}} {{mac}} {{../name}}\n{{/each}}\n{{#if ca}}ca{{else}}no ca{{/if}}{{#unless off}}!{{/unless}}{{#with m}}{{k}}{{/with}}'
    assert.equal(await render('txt', source, { nics: [{ mac: 1 }, { mac: 2 }], name: 'n', ca: null, off: false, m: { k: 'v' } }), '  0 1 n\n  1 2 n\nno ca!v')
  })
  test('what is not defined is an error with file, line and column, everywhere', async () => {
    await refuses('txt', 'a\n  {{nope}}', {}, /nope is not defined/, { line: 2, column: 3 })
    await refuses('txt', 'a\n{{#if a.nope}}x{{/if}}', { a: {} }, /a\.nope is not defined/, { line: 2, column: 1 })
    await refuses('txt', '{{#each nope}}x{{/each}}', {}, /nope is not defined/)
    await refuses('txt', '{{#each nics}}{{macc}}{{/each}}', { nics: [{ mac: 1 }] }, /macc is not defined/)
    await refuses('txt', '{{lower (upper nope)}}', {}, /nope is not defined/)
    await refuses('txt', '{{f}}', { f: () => 'called' }, /f is not defined/)
  })
  test('null, objects, and text in place of a boolean are errors', async () => {
    await refuses('txt', '{{x}}', { x: null }, /x is null/)
    await refuses('xml', '{{x}}', { x: { a: 1 } }, /x is a map/)
    await refuses('txt', '{{#if x}}a{{/if}}', { x: 'false' }, /true or false/)
  })
  test('mistakes of syntax have line and column', async () => {
    await refuses('txt', 'a\n b {{x | default("d")}}', {}, /not a Handlebars/, { line: 2, column: 8 })
    await refuses('txt', 'a\n{{#if x}}', {}, /too early/, { line: 2, column: 10 })
    await refuses('txt', 'a\n {% if x %}', {}, /Jinja/, { line: 2, column: 2 })
    await refuses('txt', 'a\n {{{x}}}', {}, /three braces/, { line: 2, column: 2 })
    await refuses('txt', '{{#if x}}a{{/each}}', {}, /if doesn't match each/)
  })
  test("a project's template takes the place of farm's", async () => {
    const project = join(dir, 'project')
    await mkdir(project)
    await writeFile(join(dir, 'd.xml.hbs'), 'farm')
    await writeFile(join(project, 'd.xml.hbs'), 'project')
    assert.deepEqual(await renderTemplate('d.xml', {}, { dirs: [project, dir] }), { text: 'project', file: join(project, 'd.xml.hbs') })
    assert.equal((await renderTemplate('d.xml', {}, { dirs: [join(dir, 'none'), dir] })).text, 'farm')
  })
  test('an unknown template, and one outside the directories, is refused', async () => {
    await assert.rejects(renderTemplate('nope.xml', {}, { dirs: [dir] }), { code: 'template-missing' })
    await assert.rejects(renderTemplate('../etc/passwd', {}, { dirs: [dir] }), { code: 'template-missing' })
  })
})
