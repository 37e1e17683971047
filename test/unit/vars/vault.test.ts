/** Files and values in Ansible's vault format, and what is told when they cannot be opened. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { FarmError } from '../../../src/errors.ts'
import { forgetSecrets, mask } from '../../../src/secrets.ts'
import { currentKeyring, encryptVault, loadYaml, parseExtraVars, Scope, useKeyring, VaultKeyring, Vaulted, yamlLayer } from '../../../src/vars/index.ts'
import { decryptEnvelope, openEnvelope } from '../../../src/vars/vault.ts'
import { DEV_PASSWORD, INLINE, PASSWORD, PLAIN, WHOLE, WHOLE_DEV } from './vault-samples.ts'

const HIDDEN = ['tr0ub4dor & <3', 'first-hidden', '123456', 'sécret', 'dev-secret-value', PASSWORD, DEV_PASSWORD]
const original = currentKeyring()
const both = (): VaultKeyring => new VaultKeyring().add(PASSWORD).add(DEV_PASSWORD, 'dev')
let dir = ''
before(async () => void (dir = await mkdtemp(join(tmpdir(), 'farm-vault-'))))
after(() => rm(dir, { recursive: true }))
beforeEach(() => useKeyring(both()))
afterEach(() => {
  useKeyring(original)
  forgetSecrets()
})

/** The error, in which no secret may stand, neither in what is shown nor in its causes. */
function failure(action: () => unknown): FarmError {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof FarmError, String((error as Error).stack))
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      for (const secret of HIDDEN) assert.ok(!`${each.message} ${each.stack} ${JSON.stringify(each)}`.includes(secret), each.message)
    }
    return error
  }
  throw new assert.AssertionError({ message: 'should have failed' })
}

describe('a file that is encrypted as a whole', () => {
  test('reads as if it were not, in both formats', () => {
    for (const text of [WHOLE, WHOLE_DEV, WHOLE.replaceAll('\n', '\r\n'), `${WHOLE}\n\n`]) {
      const scope = new Scope([yamlLayer(text, 'v.yml')])
      assert.deepEqual(scope.all(), { db_password: 'tr0ub4dor & <3', nested: { list: ['first-hidden', 123456] }, plain_template: 'tr0ub4dor & <3!' })
    }
  })
  test('hides each of its texts and long numbers from then on', () => {
    yamlLayer(WHOLE, 'v.yml')
    assert.equal(mask('a tr0ub4dor & <3 b first-hidden c 123456'), 'a ******** b ******** c ********')
  })
  test('may be a file of variables on the command line', async () => {
    await writeFile(join(dir, 'v.yml'), WHOLE)
    assert.equal(new Scope(await parseExtraVars(['@v.yml'], dir)).get('db_password'), 'tr0ub4dor & <3')
    assert.equal((await loadYaml(join(dir, 'v.yml'))).values['db_password'], 'tr0ub4dor & <3')
  })
  test('may be looked up by a template, and is hidden', async () => {
    await writeFile(join(dir, 'key'), encryptVault('first-line-of-key\nsecond-line-of-key\n', PASSWORD))
    assert.equal(new Scope([yamlLayer(`a: '{{ file "${join(dir, 'key')}" }}'`, 'f')]).get('a'), 'first-line-of-key\nsecond-line-of-key')
    assert.equal(mask('> second-line-of-key'), '> ********')
  })
  test('that holds no YAML is told without its text', () => {
    const error = failure(() => yamlLayer(encryptVault('a: first-hidden\n a: [first-hidden', PASSWORD), 'v.yml'))
    assert.equal(error.location?.file, 'v.yml')
    failure(() => yamlLayer(encryptVault('[first-hidden, tr0ub4dor & <3]', PASSWORD), 'v.yml'))
    failure(() => yamlLayer(encryptVault('first-hidden: 1\nfirst-hidden: 2\n', PASSWORD), 'v.yml'))
  })
})

describe('a value that is encrypted', () => {
  test('is decrypted when it is read, is no template, and is hidden from then on', () => {
    const scope = new Scope([yamlLayer(INLINE, 'f.yml'), yamlLayer('url: "x/{{ dev }}"', 'g.yml')])
    assert.equal(mask('dev-secret-value'), 'dev-secret-value')
    assert.equal(scope.get('inline'), 'in{{line}} sécret')
    assert.equal(scope.get('url'), 'x/dev-secret-value')
    assert.equal(mask('in{{line}} sécret, dev-secret-value'), '********, ********')
  })
  test('keeps its ciphertext for those who print variables as they are written', () => {
    const raw = yamlLayer(INLINE, 'f.yml').values['dev']
    assert.ok(raw instanceof Vaulted)
    assert.match(raw.text, /^\$ANSIBLE_VAULT;1\.2;AES256;dev\n[0-9a-f\n]+\n$/)
  })
  test('harms nobody who does not read it', () => {
    useKeyring(new VaultKeyring())
    assert.equal(new Scope([yamlLayer(`${INLINE}a: 1\n`, 'f.yml')]).get('a'), 1)
  })
  test('inside lists and maps is decrypted too', () => {
    const indented = encryptVault('deep-secret', PASSWORD).replace(/^(?=.)/gm, '      ')
    assert.deepEqual(new Scope([yamlLayer(`a:\n  - k: !vault |\n${indented}`, 'f')]).get('a'), [{ k: 'deep-secret' }])
  })
  test('is masked when its variable is explained, and its password is not needed', () => {
    useKeyring(new VaultKeyring())
    const scope = new Scope([yamlLayer(INLINE, 'f.yml')])
    assert.deepEqual(scope.explain('dev').map(({ value }) => value), ['********'])
  })
})

describe('a vault that cannot be opened', () => {
  test('without a password is an error that says where, which id, and how to give one', () => {
    useKeyring(new VaultKeyring())
    const error = failure(() => new Scope([yamlLayer(`a: 1\n${INLINE}`, 'f.yml')]).get('dev'))
    assert.equal(error.code, 'vault-password')
    assert.match(error.message, /f\.yml:9:\d+ \(vault id dev\)/)
    assert.equal(error.hint, '--ask-vault-pass or --vault-password-file FILE')
    assert.equal(failure(() => yamlLayer(WHOLE, 'v.yml')).code, 'vault-password')
  })
  test('with the wrong password says so', () => {
    useKeyring(new VaultKeyring().add('not-this-one'))
    assert.equal(failure(() => yamlLayer(WHOLE, 'v.yml')).code, 'vault-wrong-password')
  })
  test('with a changed or cut text says so', () => {
    const lines = WHOLE.trimEnd().split('\n')
    for (const text of ['$ANSIBLE_VAULT;1.1;AES256', '$ANSIBLE_VAULT;9.9;AES256\n00', '$ANSIBLE_VAULT;1.1;DES\n00', `${lines[0]}\nzz`, lines.slice(0, 3).join('\n'), WHOLE.replace(/3/, 'x')]) {
      assert.ok(['vault-damaged', 'vault-wrong-password'].includes(failure(() => yamlLayer(text, 'v.yml')).code))
    }
    const last = lines.at(-1) ?? ''
    lines[lines.length - 1] = last.slice(0, -1) + (last.endsWith('1') ? '2' : '1')
    assert.equal(failure(() => yamlLayer(lines.join('\n'), 'v.yml')).code, 'vault-wrong-password')
  })
})

describe('the keyring', () => {
  test('tries the password of the same id first, then all others', () => {
    useKeyring(new VaultKeyring().add(DEV_PASSWORD, 'other').add(PASSWORD, 'x'))
    assert.equal(yamlLayer(WHOLE_DEV, 'v').values['db_password'], 'tr0ub4dor & <3')
    assert.equal(yamlLayer(WHOLE, 'v').values['db_password'], 'tr0ub4dor & <3')
  })
  test('reads a password from a file, or from what a program prints', async () => {
    const [file, program, client] = ['pw', 'pw.sh', 'pw-client.sh'].map((name) => join(dir, name)) as [string, string, string]
    await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 })
    await writeFile(program, `#!/bin/sh\necho ${PASSWORD}\n`)
    await writeFile(client, `#!/bin/sh\n[ "$1 $2" = "--vault-id dev" ] && echo ${DEV_PASSWORD}\n`)
    for (const path of [program, client]) await chmod(path, 0o700)
    for (const keyring of [new VaultKeyring().addFile(file), new VaultKeyring().addFile('pw.sh', { cwd: dir })]) assert.equal(keyring.decrypt(WHOLE, undefined), PLAIN)
    assert.equal(new VaultKeyring().addFile(client, { id: 'dev' }).decrypt(WHOLE_DEV, undefined), PLAIN)
    assert.equal(failure(() => new VaultKeyring().addFile(client, { id: 'prod' })).code, 'vault-password')
    assert.equal(failure(() => new VaultKeyring().addFile(join(dir, 'nope'))).code, 'vault-password')
  })
  test('knows the environment, unless it was given a password', async () => {
    await writeFile(join(dir, 'env'), PASSWORD)
    for (const name of ['FARM_VAULT_PASSWORD_FILE', 'ANSIBLE_VAULT_PASSWORD_FILE']) assert.equal(new VaultKeyring({ [name]: join(dir, 'env') }).decrypt(WHOLE, undefined), PLAIN)
    assert.equal(failure(() => new VaultKeyring({ FARM_VAULT_PASSWORD_FILE: join(dir, 'env') }).add('not-this-one').decrypt(WHOLE, undefined)).code, 'vault-wrong-password')
  })
  test('hides its passwords', () => {
    new VaultKeyring().add('opensesame')
    assert.equal(mask('opensesame'), '********')
  })
})

test('what is encrypted is decrypted with the same password only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), fc.string({ minLength: 1 }), (text, password) => {
      const envelope = openEnvelope(encryptVault(text, password))
      assert.ok(envelope)
      assert.equal(decryptEnvelope(envelope, password)?.toString(), text)
      assert.equal(decryptEnvelope(envelope, `${password}!`), undefined)
    }),
    { numRuns: 10 },
  )
})
