/** Variables against the schema of a recipe. */
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { z } from 'zod'
import { InputError } from '../../../src/errors.ts'
import { forgetSecrets, mask } from '../../../src/secrets.ts'
import { checkVars, describeVars, parseExtraVars, Scope, yamlLayer } from '../../../src/vars/index.ts'

const schema = z.object({
  vm_mem: z.number().int().min(256).meta({ unit: 'MiB', description: 'Memory of each machine' }).default(2048),
  vm_cluster_vms: z.array(z.string().min(1)).min(1).describe('Names of the machines'),
  vm_cluster_ips: z.array(z.object({ name: z.string(), ip: z.ipv4() })).optional(),
  virt_type: z.enum(['auto', 'kvm', 'qemu']).default('auto'),
  create_vm: z.boolean().default(true),
  release: z.string().default('x'),
  size: z.union([z.number(), z.literal('max')]).optional(),
  name: z.string().refine((text) => !text.includes('&'), 'a name without &').optional(),
  trimmed: z.preprocess((given) => (typeof given === 'string' ? given.trim() : given), z.string()).optional(),
  length: z.string().transform((text) => text.length).optional(),
  ca: z.string().nullable().default(null),
  limits: z.record(z.string(), z.number()).optional(),
  sloppy: z.coerce.boolean().optional(),
})

const fromExtra = async (...args: string[]): Promise<z.output<typeof schema>> => checkVars(schema, new Scope(await parseExtraVars(['vm_cluster_vms=a', ...args], '/')), 'h')

function problems(text: string): InputError {
  try {
    checkVars(schema, new Scope([yamlLayer(text, 'f.yml')]), 'anemoi')
  } catch (error) {
    assert.ok(error instanceof InputError, String((error as Error).stack))
    return error
  }
  throw new assert.AssertionError({ message: 'nothing was refused' })
}

describe('text from the command line becomes what the schema wants', () => {
  test('numbers', async () => assert.equal((await fromExtra('vm_mem=4096')).vm_mem, 4096))
  for (const [text, boolean] of [['true', true], ['Yes', true], ['on', true], ['false', false], ['no', false], ['OFF', false]] as const) {
    test(`${text} is ${boolean}`, async () => {
      assert.equal((await fromExtra(`create_vm=${text}`)).create_vm, boolean)
      assert.equal((await fromExtra(`sloppy=${text}`)).sloppy, boolean)
    })
  }
  for (const text of ['1', '0', 'maybe', '', 'y']) {
    test(`"${text}" is no boolean`, async () => {
      await assert.rejects(fromExtra(`create_vm=${text}`), { code: 'variables' })
      await assert.rejects(fromExtra(`sloppy=${text}`), { code: 'variables' })
    })
  }
  test('lists, with commas or as YAML', async () => {
    assert.deepEqual((await fromExtra('vm_cluster_vms=b,c')).vm_cluster_vms, ['b', 'c'])
    assert.deepEqual((await fromExtra('vm_cluster_vms="[b, c]"')).vm_cluster_vms, ['b', 'c'])
  })
  test('unions, maps, preprocessed and transformed values', async () => {
    assert.equal((await fromExtra('size=5')).size, 5)
    assert.equal((await fromExtra('size=max')).size, 'max')
    assert.deepEqual((await fromExtra("limits='{a: 1}'")).limits, { a: 1 })
    assert.equal((await fromExtra('trimmed=" x "')).trimmed, 'x')
    assert.equal((await fromExtra('length=abc')).length, 3)
  })
  test('a whole number in YAML may be text, and text with a leading zero stays as it is', () => {
    const read = (text: string): string => checkVars(schema, new Scope([yamlLayer(`vm_cluster_vms: [a]\nrelease: ${text}\n`, 'f')]), 'h').release
    assert.equal(read('20241007'), '20241007')
    assert.equal(read('0012'), '0012')
  })
})

describe('checking', () => {
  test('fills in defaults and leaves out variables of others', () => {
    const vars = checkVars(schema, new Scope([yamlLayer('vm_cluster_vms: [a]\nother: "{{ nope }}"\n', 'f')]), 'h')
    assert.deepEqual(vars, { vm_mem: 2048, vm_cluster_vms: ['a'], virt_type: 'auto', create_vm: true, release: 'x', ca: null })
  })
  test('says everything that is wrong at once, with got, expected, unit and place', () => {
    const error = problems('vm_mem: lots\nvirt_type: kmv\nvm_cluster_ips:\n  - {name: a, ip: 1.2.3.4}\n  - name: b\n    ip: 1.2.3.400\nname: a&b\nrelease: 1.10\nca: "{{ nope }}"\n')
    assert.deepEqual([...error.details].sort(), [
      'ca: nope is not defined; used by ca: "{{ nope }}" (f.yml:9:1)',
      'name: got text "a&b", expected a name without & (f.yml:7:1)',
      'release: got number 1.1, expected text (f.yml:8:1)',
      'virt_type: got text "kmv", expected "auto", "kvm" or "qemu" (f.yml:2:1)',
      'vm_cluster_ips[1].ip: got text "1.2.3.400", expected a valid IPv4 address (f.yml:6:5)',
      'vm_cluster_vms: not set, expected list of text: Names of the machines',
      'vm_mem: got text "lots", expected integer (MiB) (f.yml:1:1)',
    ])
    assert.match(error.message, /^7 variables of anemoi are not usable$/)
    assert.equal(error.host, 'anemoi')
    assert.equal(error.location?.file, 'f.yml')
    assert.equal(error.exitCode, 65)
  })
  test('a single problem stands in the message itself', () => assert.match(problems('vm_cluster_vms: [a]\nvm_mem: 16\n').message, /vm_mem: got number 16, expected at least 256 \(MiB\)/))
  test('a missing variable hints at one that is spelled nearly so', () => assert.equal(problems('vm_cluster_vm: [a]\n').hint, 'vm_cluster_vm is set; should it be called vm_cluster_vms?'))
})

test('variables are described with type, unit, default, need and meaning', () => {
  const described = new Map(describeVars(schema).map((entry) => [entry.name, entry]))
  assert.deepEqual(described.get('vm_mem'), { name: 'vm_mem', type: 'integer', unit: 'MiB', default: 2048, required: false, description: 'Memory of each machine' })
  assert.deepEqual(described.get('vm_cluster_vms'), { name: 'vm_cluster_vms', type: 'list of text', required: true, description: 'Names of the machines' })
  assert.equal(described.get('virt_type')?.type, '"auto", "kvm" or "qemu"')
  assert.equal(described.get('size')?.type, 'number or "max"')
  assert.equal(described.get('trimmed')?.type, 'text')
  assert.equal(described.get('ca')?.default, null)
})

describe('a field that is secret', () => {
  afterEach(forgetSecrets)
  const secret = z.object({
    token: z.string().min(8).meta({ secret: true }).optional(),
    users: z.array(z.object({ name: z.string(), hash: z.string() })).meta({ secret: true }).optional(),
    pin: z.number().max(9999).meta({ secret: true, unit: 'digits' }).optional(),
  })
  const check = (text: string): unknown => checkVars(secret, new Scope([yamlLayer(text, 'f.yml')]), 'h')
  test('is hidden from then on, deep', () => {
    check('token: abcdefghij\nusers: [{name: operator, hash: "$6$xyz"}]\n')
    assert.equal(mask('abcdefghij $6$xyz'), '******** ********')
  })
  test('is not repeated by the error that refuses it, however short', () => {
    for (const text of ['token: zq\n', 'pin: 99\ntoken: zq\n', 'token: [zq]\n', 'users: [{name: zq}]\n', 'pin: zq\n']) {
      assert.throws(() => check(text), (error: unknown) => error instanceof InputError && !/zq/.test([error.message, ...error.details].join()) && /secret/.test([error.message, ...error.details].join()))
    }
  })
})

test('create_vm=false from the command line is false, and the text "false" is no condition', async () => {
  assert.equal((await fromExtra('create_vm=false')).create_vm, false)
  const layers = await parseExtraVars(['create_vm=false', 'x={{#if create_vm}}made{{/if}}', 'y={{ ternary create_vm 1 2 }}', 'z={{ not create_vm }}', 'ok={{ ternary (bool create_vm) 1 2 }}'], '/')
  for (const name of ['x', 'y', 'z']) assert.throws(() => new Scope(layers).get(name), /needs true or false, got text "false"/)
  assert.equal(new Scope(layers).get('ok'), 2)
})

test('a word that every object knows is no boolean', () => assert.match(problems('create_vm: constructor\nvm_cluster_vms: [a]\n').message, /expected boolean/))
