import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { becomeError, type BecomeFacts } from '../../../src/host/become-errors.ts'
import type { Become, Connection } from '../../../src/host/index.ts'
import { bound, failureOf, Rig, runs, until } from './rig.ts'

const PASSWORD = `it's a "secret" $(x) 7`

describe('becoming another user', { timeout: 120_000 }, () => {
  let rig: Rig
  /** May become root by sudo without a password, with one, or not at all. */
  let free: Connection, asked: Connection, nobody: Connection
  let other: string
  const files: string[] = []

  const system = (path: string, content: string): void => {
    writeFileSync(path, content, { mode: 0o440, flag: 'wx' })
    files.push(path)
  }
  const sudo: Become = { method: 'sudo', user: 'root' }
  const as = (connection: Connection, become: Become) => bound(connection, { become }).host.query

  before(async () => {
    rig = new Rig()
    const users = [rig.user(), rig.user(), rig.user(), rig.user()] as const
    const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: PASSWORD }).toString().trim()
    for (const name of users.slice(1)) execFileSync('usermod', ['-p', hash, name])
    system(`/etc/sudoers.d/${users[0]}`, `${users[0]} ALL=(ALL) NOPASSWD: ALL\n${users[1]} ALL=(ALL) ALL\n`)
    const connections: Connection[] = []
    for (const user of users.slice(0, 3)) connections.push(await rig.connect((await rig.sshd([], user)).spec))
    ;[free, asked, nobody] = connections as [Connection, Connection, Connection]
    other = users[3]
  })
  after(async () => {
    for (const file of files) rmSync(file, { force: true })
    await rig.close()
  })

  it('works by sudo without a password: identity, input, outputs and exit code', async () => {
    const query = as(free, sudo)
    assert.equal(await query`id -u; echo $HOME`.text(), '0\n/root\n')
    const output = await query({ input: Buffer.alloc(3_000_000, 'x'), nothrow: true })`wc -c; echo problem >&2; exit 5`
    assert.deepEqual([output.stdout, output.stderr, output.exitCode], ['3000000\n', 'problem\n', 5])
    assert.equal((await as(free, { ...sudo, user: other })`id -un`.text()).trim(), other)
    assert.equal(await query`cat`.text(), '')
  })

  it('works by sudo with a password, which the command never sees', async () => {
    const query = as(asked, { ...sudo, password: PASSWORD })
    assert.equal(await query`id -u`.text(), '0\n')
    assert.equal(await query({ input: 'mine' })`cat`.text(), 'mine')
    // Nobody asks here: the password must not end up as input instead.
    assert.equal(await as(free, { ...sudo, password: PASSWORD })({ input: 'mine' })`cat; tr '\\0' ' ' < /proc/$PPID/cmdline`.text().then((text) => text.includes('secret')), false)
    assert.equal(await as(free, { ...sudo, password: PASSWORD })({ input: 'mine' })`cat`.text(), 'mine')
  })

  it('says that the password is wrong, without waiting and without repeating it', async () => {
    const error = await failureOf(as(asked, { ...sudo, password: 'wrong-guess' })`id`)
    assert.equal(error.code, 'become-password-wrong')
    assert.equal(error.exitCode, 2)
    assert.equal(JSON.stringify([error.message, error.details, error.hint]).includes('wrong-guess'), false)
  })

  it('says that a password is needed', async () => {
    assert.equal((await failureOf(as(asked, sudo)`id`)).code, 'become-password-needed')
    assert.equal((await failureOf(as(asked, { method: 'su', user: other })`id`)).code, 'become-password-needed')
  })

  it('says that the login user is not allowed to', async () => {
    assert.equal((await failureOf(as(nobody, { ...sudo, password: PASSWORD })`id`)).code, 'become-not-allowed')
  })

  it('is an error even when the command may fail', async () => {
    assert.equal((await failureOf(as(asked, sudo)({ nothrow: true })`id`)).code, 'become-password-needed')
  })

  it('says that there is no such user', async () => {
    assert.equal((await failureOf(as(free, { ...sudo, user: 'no-such-user' })`id`)).code, 'become-user-unknown')
  })

  it('works by su with a password, and says when it is wrong', async () => {
    const su: Become = { method: 'su', user: other, password: PASSWORD }
    assert.equal(await as(nobody, su)({ input: 'mine' })`id -un; cat`.text(), `${other}\nmine`)
    assert.equal((await failureOf(as(nobody, { ...su, password: 'wrong' })`id`)).code, 'become-password-wrong')
  })

  it('works by doas where it asks for no password, and says so where it does not allow it', async () => {
    const doas: Become = { method: 'doas', user: 'root' }
    if (!existsSync('/etc/doas.conf')) system('/etc/doas.conf', `permit nopass ${free.spec.user} as root\npermit ${asked.spec.user} as root\n`)
    assert.equal(await as(free, doas)`id -u`.text(), '0\n')
    assert.equal((await failureOf(as(nobody, doas)`id`)).code, 'become-not-allowed')
    assert.equal((await failureOf(as(asked, doas)`id`)).code, 'become-password-needed')
  })

  it('costs root nothing: no sudo is needed on a host where root logs in', async () => {
    const root = await rig.connect((await rig.sshd(['SetEnv PATH=/nowhere'])).spec)
    assert.equal(await as(root, sudo)`echo reached`.text(), 'reached\n')
    const missing = await failureOf(as(root, { ...sudo, user: other })`id`)
    assert.equal(missing.code, 'become-method-missing')
  })

  for (const [name, become] of [
    ['sudo', () => sudo],
    ['su', () => ({ method: 'su', user: other, password: PASSWORD }) satisfies Become],
  ] as const) {
    it(`ends a command of another user by ${name} when its time is up`, async () => {
      const file = `/tmp/farm-${name}-${process.pid}`
      const connection = name === 'sudo' ? free : nobody
      try {
        const error = await failureOf(as(connection, become())({ timeout: '1s' })`sleep 300 & echo $! > ${file}; wait`)
        assert.equal(error.code, 'command-timeout')
        const pid = Number(execFileSync('cat', [file]).toString())
        assert.ok(pid > 1)
        await until(() => !runs(pid))
        assert.equal(await as(connection, become())`echo alive`.text(), 'alive\n')
      } finally {
        rmSync(file, { force: true })
      }
    })
  }
})

describe('a refusal to become another user', () => {
  const table: readonly [Partial<BecomeFacts> & { method?: Become['method'] }, string][] = [
    [{ said: 'sudo: a password is required' }, 'become-password-needed'],
    [{ said: 'Sorry, try again.\nsudo: no password was provided', answered: true }, 'become-password-wrong'],
    [{ said: 'sudo: 1 incorrect password attempt', answered: true }, 'become-password-wrong'],
    [{ said: 'web is not in the sudoers file.' }, 'become-not-allowed'],
    [{ said: 'Sorry, user web is not allowed to execute …' }, 'become-not-allowed'],
    [{ said: 'sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set' }, 'become-not-allowed'],
    [{ said: '/bin/sh: 1: exec: sudo: not found', code: 127 }, 'become-method-missing'],
    [{ said: 'sudo: unknown user x' }, 'become-user-unknown'],
    [{ said: 'su: Authentication failure', method: 'su', answered: true }, 'become-password-wrong'],
    [{ said: 'su: user x does not exist or the user entry does not contain all the required fields', method: 'su' }, 'become-user-unknown'],
    [{ said: 'doas: Authorization required', method: 'doas' }, 'become-password-needed'],
    [{ said: 'doas: Operation not permitted', method: 'doas' }, 'become-not-allowed'],
    [{ said: 'something new' }, 'become-failed'],
  ]
  for (const [{ method = 'sudo', ...facts }, code] of table) {
    it(`is ${code} when ${method} says: ${facts.said}`, () => {
      assert.equal(becomeError({ host: 'web1', become: { method, user: 'root' }, kind: 'refused', said: '', code: 1, ...facts }).code, code)
    })
  }
})
