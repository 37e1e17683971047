import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { becomeSpec, generateKeyPair, hostSpec, posixQuote, publicKeyOf } from '../../../src/host/index.ts'

describe('inventory variables of a host', () => {
  it('reach localhost without SSH, unless told otherwise', () => {
    assert.equal(hostSpec('localhost', {}).connection, 'local')
    assert.equal(hostSpec('localhost', { ansible_connection: 'ssh' }).connection, 'ssh')
    assert.equal(hostSpec('web1', {}).connection, 'ssh')
    assert.equal(hostSpec('web1', { ansible_connection: 'local' }).connection, 'local')
  })

  it('say all that a connection needs', () => {
    const spec = hostSpec('web1', {
      ansible_host: '10.0.0.5',
      ansible_port: '2222',
      ansible_user: 'admin',
      ansible_ssh_pass: 'secret',
      ansible_ssh_private_key_file: '~/keys/id',
      farm_jumps: 'a@one:22, two',
      farm_known_hosts: '/known',
      host_key_checking: true,
    })
    assert.deepEqual(spec, {
      name: 'web1',
      connection: 'ssh',
      address: '10.0.0.5',
      port: 2222,
      user: 'admin',
      password: 'secret',
      identityFiles: [join(homedir(), 'keys/id')],
      jumps: ['a@one:22', 'two'],
      hostKeyChecking: 'yes',
      knownHostsFiles: ['/known'],
      timeout: undefined,
    })
  })

  const wrong: readonly [Record<string, unknown>, RegExp][] = [
    [{ ansible_host: 5 }, /^ansible_host must be text, got 5$/],
    [{ ansible_host: 'a\nb' }, /^ansible_host must be text/],
    [{ ansible_port: 0 }, /^ansible_port must be a port/],
    [{ ansible_port: '22x' }, /^ansible_port/],
    [{ ansible_user: ['root'] }, /^ansible_user/],
    [{ farm_host_keys: 'AAAAC3Nza' }, /^farm_host_keys must be a list of public keys/],
    [{ farm_host_keys: [] }, /^farm_host_keys must be/],
    [{ farm_host_keys: ['ssh-ed25519 AAAA\nssh-rsa BBBB'] }, /^farm_host_keys must be/],
    [{ ansible_connection: 'winrm' }, /^ansible_connection must be local or ssh, got "winrm"$/],
    [{ farm_jumps: [1] }, /^farm_jumps/],
    [{ farm_jumps: 'a b' }, /^farm_jumps/],
    [{ host_key_checking: 'maybe' }, /^host_key_checking/],
    [{ host_key_checking: false }, /^host_key_checking cannot be switched off/],
  ]
  for (const [vars, message] of wrong) {
    it(`are refused when ${JSON.stringify(vars)}`, () => {
      assert.throws(() => hostSpec('web1', vars), (error: Error & { exitCode?: number }) => message.test(error.message) && error.exitCode === 65)
    })
  }

  it('never show a password that has the wrong form', () => {
    assert.throws(() => hostSpec('web1', { ansible_password: 'se\ncret' }), (error: Error) => !error.message.includes('cret') && error.message.includes('ansible_password'))
  })

  it('say whom to become, and how', () => {
    assert.equal(becomeSpec({}), undefined)
    assert.equal(becomeSpec({ ansible_become: 'no' }), undefined)
    assert.deepEqual(becomeSpec({ ansible_become: true }), { method: 'sudo', user: 'root', password: undefined })
    assert.deepEqual(becomeSpec({ ansible_become: 'yes', ansible_become_method: 'su', ansible_become_user: 'web', ansible_become_password: 123 }), { method: 'su', user: 'web', password: '123' })
    assert.throws(() => becomeSpec({ ansible_become: true, ansible_become_method: 'runas' }), /ansible_become_method must be sudo, su or doas/)
    assert.throws(() => becomeSpec({ ansible_become: true, ansible_become_user: '-x; id' }), /ansible_become_user/)
    assert.throws(() => becomeSpec({ ansible_become: true, ansible_become_method: 'doas', ansible_become_password: 'x' }), /doas takes no password/)
  })
})

describe('quoting', () => {
  for (const shell of ['dash', 'bash']) {
    it(`brings any text through ${shell} unchanged`, () => {
      fc.assert(
        fc.property(fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')), { maxLength: 20 }), (values) => {
          // Lone surrogates have no bytes of their own.
          const texts = values.map((text) => Buffer.from(text).toString())
          const output = execFileSync(shell, ['-c', `printf '%s\\0' ${[...texts, 'end'].map(posixQuote).join(' ')}`])
          assert.deepEqual(output.toString().split('\0').slice(0, -1), [...texts, 'end'])
        }),
        { numRuns: 150 },
      )
    })
  }

  it('keeps the empty text a word and refuses NUL', () => {
    assert.equal(posixQuote(''), "''")
    assert.equal(posixQuote('A=b'), "'A=b'")
    assert.throws(() => posixQuote('a\0'), { code: 'command-nul' })
  })
})

describe('a generated key pair', () => {
  it('is what OpenSSH makes of it, and differs each time', () => {
    const dir = mkdtempSync(join(tmpdir(), 'farm-keys-'))
    try {
      // Comments of every length meet every padding.
      for (const comment of ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef', 'user@host']) {
        const { privateKey, publicKey } = generateKeyPair(comment)
        const file = join(dir, `key${comment.length}`)
        writeFileSync(file, privateKey, { mode: 0o600 })
        assert.equal(execFileSync('ssh-keygen', ['-y', '-f', file]).toString().trim(), publicKey)
        assert.equal(publicKeyOf(privateKey, comment), publicKey)
      }
      assert.notEqual(generateKeyPair('x').publicKey, generateKeyPair('x').publicKey)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('what inventories say in older words', () => {
  it('is understood', () => {
    const spec = hostSpec('web1', { ansible_ssh_host: '10.0.0.5', ansible_ssh_port: 2222, ansible_ssh_user: 'admin', ansible_private_key_file: '/k', ansible_timeout: '7' })
    assert.deepEqual([spec.address, spec.port, spec.user, spec.identityFiles, spec.timeout], ['10.0.0.5', 2222, 'admin', ['/k'], 7])
    assert.equal(becomeSpec({ ansible_become: true, ansible_become_pass: 'x' })?.password, 'x')
  })

  const args = (text: string): ReturnType<typeof hostSpec> => hostSpec('web1', { ansible_ssh_common_args: text })

  it('jump hosts stand in the arguments of ssh', () => {
    assert.deepEqual(args('-J a@one:22,two').jumps, ['a@one:22', 'two'])
    assert.deepEqual(args('-o ProxyJump=one -o ControlMaster=auto -C').jumps, ['one'])
    assert.deepEqual(args(`-o ProxyCommand="ssh -W %h:%p -q -p 2222 bob@gate"`).jumps, ['bob@gate:2222'])
    assert.deepEqual(args(`-o 'ProxyJump one'`).jumps, ['one'])
  })

  it('keys, ports and known hosts do, too', () => {
    const spec = args('-i /key -p 2222 -o User=bob -o UserKnownHostsFile=/known -o StrictHostKeyChecking=accept-new')
    assert.deepEqual([spec.identityFiles, spec.port, spec.user, spec.knownHostsFiles, spec.hostKeyChecking], [['/key'], 2222, 'bob', ['/known'], 'accept-new'])
  })

  it('what would switch off the checking of host keys is refused', () => {
    assert.throws(() => args('-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'), { code: 'host-key-checking' })
  })

  it('what farm cannot follow is refused, and not left out in silence', () => {
    assert.throws(() => args('-o ProxyCommand="nc %h %p"'), { code: 'host-variable', message: /ansible_ssh_common_args: .*ProxyCommand/ })
    assert.throws(() => args('-o Ciphers=aes128-ctr'), { message: /Ciphers/ })
  })
})
