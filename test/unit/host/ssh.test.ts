import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { generateKeyPair, posixQuote, type Connection } from '../../../src/host/index.ts'
import { fingerprint, namesMatch, parseKnownHosts, parsePublicKey } from '../../../src/host/ssh/known-hosts.ts'
import { userConfig } from '../../../src/host/ssh/user-config.ts'
import { packaged, packagedCode } from '../../../src/paths.ts'
import { bound, failureOf, Rig, runs, until, type Sshd } from './rig.ts'

let rig: Rig
let server: Sshd
before(async () => {
  rig = new Rig()
  server = await rig.sshd()
})
after(() => rig.close())

const answer = async (connection: Connection): Promise<string> => bound(connection).host.query`echo answer`.text()

describe('a host key', { timeout: 60_000 }, () => {
  it('that is known lets the connection come about, plain or hashed', async () => {
    assert.equal(await answer(await rig.connect(server.spec)), 'answer\n')
    const salt = randomBytes(20)
    const hash = createHmac('sha1', salt).update(`[127.0.0.1]:${server.port}`).digest('base64')
    const file = rig.file('hashed', `|1|${salt.toString('base64')}|${hash} ${server.hostKey}\n`)
    assert.equal(await answer(await rig.connect({ ...server.spec, knownHostsFiles: [file] })), 'answer\n')
  })

  it('that is unknown is refused, with its fingerprint and the command that accepts it', async () => {
    const file = rig.path('nothing-known')
    const error = await failureOf(rig.connect({ ...server.spec, knownHostsFiles: [file] }))
    assert.equal(error.code, 'host-key-unknown')
    assert.equal(error.exitCode, 4)
    const shown = execFileSync('ssh-keygen', ['-l', '-f', rig.path(`host-${server.port}`)]).toString().split(' ')[1] ?? '?'
    assert.ok(error.message.includes(shown), error.message)
    assert.ok(error.hint?.includes(`ssh-keyscan -p ${server.port} 127.0.0.1 >> ${file}`), error.hint)
    // The command does what it promises.
    execFileSync('/bin/sh', ['-c', `ssh-keyscan -p ${server.port} 127.0.0.1 2>/dev/null >> ${file}`])
    assert.equal(await answer(await rig.connect({ ...server.spec, knownHostsFiles: [file] })), 'answer\n')
  })

  it('that has changed is refused, with both fingerprints and the line that says otherwise', async () => {
    const other = generateKeyPair('').publicKey
    const file = rig.file('changed', `# a comment\n[127.0.0.1]:${server.port} ${other}\n`)
    for (const hostKeyChecking of ['yes', 'accept-new'] as const) {
      const error = await failureOf(rig.connect({ ...server.spec, knownHostsFiles: [file], hostKeyChecking }))
      assert.equal(error.code, 'host-key-changed')
      assert.ok(error.details[0]?.includes(fingerprint(parsePublicKey(other))))
      assert.ok(error.details[1]?.includes(fingerprint(parsePublicKey(server.hostKey))))
      assert.deepEqual(error.location, { file, line: 2 })
    }
  })

  it('that is revoked is refused although it is known', async () => {
    const file = rig.file('revoked', `${server.known}@revoked * ${server.hostKey}\n`)
    assert.equal((await failureOf(rig.connect({ ...server.spec, knownHostsFiles: [file] }))).code, 'host-key-revoked')
  })

  it('that is new is remembered when asked to, once however many connect at once', async () => {
    const file = rig.path('new/dir/known_hosts')
    const spec = { ...server.spec, knownHostsFiles: [file], hostKeyChecking: 'accept-new' } as const
    await Promise.all(Array.from({ length: 5 }, () => rig.connect(spec)))
    assert.equal(readFileSync(file, 'utf8'), server.known)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(rig.path('new/dir')).mode & 0o777, 0o700)
    assert.equal(await answer(await rig.connect({ ...spec, hostKeyChecking: 'yes' })), 'answer\n')
  })

  it('that is pinned is the only one accepted, whatever known_hosts says', async () => {
    const nothing = [rig.path('nothing')]
    assert.equal(await answer(await rig.connect({ ...server.spec, knownHostsFiles: nothing, hostKeys: [`${server.hostKey} comment`] })), 'answer\n')
    const error = await failureOf(rig.connect({ ...server.spec, hostKeys: [generateKeyPair('').publicKey] }))
    assert.equal(error.code, 'host-key-changed')
  })

  it('is read from known_hosts with patterns, negation, ports and markers', () => {
    assert.equal(namesMatch('web*,!web2', 'web1'), true)
    assert.equal(namesMatch('web*,!web2', 'web2'), false)
    assert.equal(namesMatch('[10.0.0.?]:22*', '[10.0.0.5]:2222'), true)
    assert.equal(namesMatch('WEB1,10.0.0.1', 'web1'), true)
    assert.equal(namesMatch('a.b', 'axb'), false)
    const lines = parseKnownHosts(`# c\n\n@cert-authority * ${server.hostKey}\n@revoked bad ${server.hostKey}\nbroken\ngood ${server.hostKey} note\n`, 'f')
    assert.deepEqual(lines.map(({ names, revoked, line }) => [names, revoked, line]), [['bad', true, 4], ['good', false, 6]])
  })
})

describe('logging in', { timeout: 60_000 }, () => {
  it('fails with what was tried when no key fits', async () => {
    const wrong = rig.file('wrong-key', generateKeyPair('').privateKey)
    const error = await failureOf(rig.connect({ ...server.spec, identityFiles: [wrong] }))
    assert.equal(error.code, 'auth-failed')
    assert.ok(error.message.includes(`tried: key ${wrong}`), error.message)
  })

  it('says that a key is missing, locked, or no key', async () => {
    const missing = await failureOf(rig.connect({ ...server.spec, identityFiles: [rig.path('no-key')] }))
    assert.equal(missing.code, 'identity-file')
    assert.equal(missing.exitCode, 65)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', rig.path('locked')])
    const locked = await failureOf(rig.connect({ ...server.spec, identityFiles: [rig.path('locked')] }))
    assert.match(locked.message, /locked by a passphrase/)
    assert.match(locked.hint ?? '', /ssh-add/)
    const text = await failureOf(rig.connect({ ...server.spec, identityFiles: [rig.file('text', 'hello')] }))
    assert.equal(text.code, 'identity-file')
  })

  it('falls back on the password, and says so when that is wrong too', async () => {
    const user = rig.user()
    execFileSync('usermod', ['-p', execFileSync('openssl', ['passwd', '-6', 'right']).toString().trim(), user])
    const asking = await rig.sshd(['PasswordAuthentication yes', 'PubkeyAuthentication no'], user)
    assert.equal(await answer(await rig.connect({ ...asking.spec, password: 'right' })), 'answer\n')
    const error = await failureOf(rig.connect({ ...asking.spec, password: 'wrong-guess' }))
    assert.equal(error.code, 'auth-failed')
    assert.match(error.message, /password/)
    assert.equal(error.message.includes('wrong-guess'), false)
  })

  it('uses the keys of an agent', async () => {
    const socket = rig.path('agent')
    const agent = Number(/SSH_AGENT_PID=(\d+)/.exec(execFileSync('ssh-agent', ['-a', socket]).toString())?.[1])
    try {
      execFileSync('ssh-add', ['-q', rig.clientKey], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
      process.env['SSH_AUTH_SOCK'] = socket
      assert.equal(await answer(await rig.connect({ ...server.spec, identityFiles: undefined })), 'answer\n')
    } finally {
      delete process.env['SSH_AUTH_SOCK']
      process.kill(agent)
    }
  })

  it('follows ~/.ssh/config for a host that is only a name', async () => {
    rig.file('home/.ssh/config', `Include more\nHost other\n  Port 1\n`)
    rig.file('home/.ssh/more', `Host farm*\n  HostName 127.0.0.1\n  Port ${server.port}\n  User root\n  IdentityFile %d/../client\n  UserKnownHostsFile ${rig.path(`known-${server.port}`)}\n`)
    try {
      assert.equal(await answer(await rig.connect({ name: 'farm1', connection: 'ssh' })), 'answer\n')
      assert.equal(userConfig('other').port, 1)
      assert.equal((await failureOf(rig.connect({ name: 'farm1', connection: 'ssh', port: 1 }))).code, 'host-unreachable')
    } finally {
      rig.file('home/.ssh/config', '')
    }
  })

  it('says why a host cannot be reached', async () => {
    const refused = await failureOf(rig.connect({ ...server.spec, port: 1 }))
    assert.equal(refused.code, 'host-unreachable')
    assert.equal(refused.message, 'cannot connect to 127.0.0.1 port 1: connection refused')
    const unnamed = await failureOf(rig.connect({ ...server.spec, address: 'no-such-host.invalid' }))
    assert.equal(unnamed.code, 'host-unreachable')
    assert.equal((await failureOf(rig.connect({ ...server.spec, timeout: 0.001 }))).code, 'host-unreachable')
  })
})

describe('jump hosts', { timeout: 60_000 }, () => {
  it('are passed one after the other, each with its own key', async () => {
    const [first, second, last] = [await rig.sshd(), await rig.sshd(), server]
    const known = rig.file('chain', first.known + second.known + last.known)
    const jumps = [first, second].map(({ port }) => `root@127.0.0.1:${port}`)
    const connection = await rig.connect({ ...last.spec, knownHostsFiles: [known], jumps })
    const { host } = bound(connection)
    assert.equal((await host.query`echo $SSH_CONNECTION`.text()).trim().split(' ').at(-1), String(last.port))
    assert.equal(await host.query({ input: Buffer.alloc(3_000_000) })`wc -c`.text(), '3000000\n')
    const via = await rig.connect({ ...second.spec, knownHostsFiles: [known], via: connection })
    assert.equal(await answer(via), 'answer\n')
  })

  it('are named by the error when one of them shows the wrong key, refuses, or is not there', async () => {
    const [first, second] = [await rig.sshd(), await rig.sshd()]
    const jumps = [first, second].map(({ port }) => `root@127.0.0.1:${port}`)
    const wrong = rig.file('wrong-middle', `${first.known}[127.0.0.1]:${second.port} ${generateKeyPair('').publicKey}\n${server.known}`)
    const changed = await failureOf(rig.connect({ ...server.spec, knownHostsFiles: [wrong], jumps }))
    assert.equal(changed.code, 'host-key-changed')
    assert.ok(changed.message.includes(`jump host 127.0.0.1 port ${second.port}`), changed.message)
    assert.equal(changed.host, server.spec.name)
    const known = rig.file('right-chain', first.known + second.known + server.known)
    const refused = await failureOf(rig.connect({ ...server.spec, knownHostsFiles: [known], jumps: [jumps[0] ?? '', `no-such-user@127.0.0.1:${second.port}`] }))
    assert.equal(refused.code, 'auth-failed')
    assert.ok(refused.message.includes(`jump host 127.0.0.1 port ${second.port}`), refused.message)
    const gone = await failureOf(rig.connect({ ...server.spec, port: 1, knownHostsFiles: [known], jumps }))
    assert.equal(gone.code, 'host-unreachable')
    assert.ok(gone.message.includes(`port 1 through jump host 127.0.0.1 port ${second.port}`), gone.message)
  })
})

describe('an open connection', { timeout: 90_000 }, () => {
  it('runs two hundred commands at once and loses none', async () => {
    const { host } = bound(await rig.connect((await rig.sshd([], rig.user())).spec))
    const texts = await Promise.all(Array.from({ length: 200 }, (_, index) => host.query`echo ${index}`.text()))
    assert.deepEqual(texts, Array.from({ length: 200 }, (_, index) => `${index}\n`))
  })

  it('that is lost fails the commands that were running, and all that come after', async () => {
    const lonely = await rig.sshd()
    const { host } = bound(await rig.connect(lonely.spec))
    const running = failureOf(host.query({ nothrow: true })`echo $PPID > ${rig.path('session')}; sleep 30`)
    await until(() => {
      try {
        return rig.read('session').endsWith('\n')
      } catch {
        return false
      }
    })
    const session = Number(rig.read('session'))
    process.kill(session, 'SIGKILL')
    const error = await running
    assert.equal(error.code, 'connection-lost')
    assert.equal(error.exitCode, 4)
    assert.equal(error.host, lonely.spec.name)
    assert.equal((await failureOf(host.query`echo late`)).code, 'connection-lost')
    // sshd leaves what it started to itself.
    const orphan = execFileSync('/bin/sh', ['-c', `grep -ls '127.0.0.1 ${lonely.port}' /proc/[0-9]*/environ | cut -d/ -f3`]).toString().trim().split('\n')
    for (const pid of orphan.map(Number)) if (pid > 1 && runs(pid)) process.kill(pid, 'SIGKILL')
  })

  it('can be closed while a command runs, and closed again', async () => {
    const connection = await rig.connect(server.spec)
    const running = failureOf(bound(connection).host.query`exec cat /dev/zero`)
    await bound(connection).host.query`echo started`
    await connection.close()
    await connection.close()
    assert.ok(['connection-lost', 'command-output'].includes((await running).code))
  })

  describe('runs an interactive command', () => {
    let start: readonly [string, ...string[]]
    before(() => {
      const extension = import.meta.url.endsWith('.js') ? 'js' : 'ts'
      const index = packagedCode('src', 'host', `index.${extension}`)
      const script = rig.file(
        `interactive.${extension === 'js' ? 'mjs' : 'ts'}`,
        `import { connect } from ${JSON.stringify(index)}
         const connection = await connect(${JSON.stringify(server.spec)})
         process.exitCode = await connection.interactive(process.argv[2])
         await connection.close()`,
      )
      start = [process.execPath, ...(extension === 'ts' ? ['--import', packaged('node_modules', 'jiti', 'lib', 'jiti-register.mjs')] : []), script] as [string, ...string[]]
    })

    it('through pipes where there is no terminal, and gives its exit code', () => {
      const [node, ...args] = start
      assert.throws(
        () => execFileSync(node, [...args, 'read line; echo "got $line"; test -t 0 && echo terminal; exit 7'], { input: 'hello\n', stdio: 'pipe' }),
        (error: Error & { status?: number; stdout?: Buffer }) => error.status === 7 && error.stdout?.toString() === 'got hello\n',
      )
    })

    it('and ends with it though the input goes on', async () => {
      const [node, ...args] = start
      const child = spawn(node, [...args, 'exit 3'], { stdio: ['pipe', 'inherit', 'inherit'] })
      assert.deepEqual(await once(child, 'exit'), [3, null])
    })

    it('on a terminal of its own where there is one', () => {
      const command = [...start, 'test -t 0 && test -t 1 && echo terminal; exit 7'].map(posixQuote).join(' ')
      assert.throws(
        () => execFileSync('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'pipe'] }),
        (error: Error & { status?: number; stdout?: Buffer }) => error.status === 7 && /terminal/.test(error.stdout?.toString() ?? ''),
      )
    })
  })
})
