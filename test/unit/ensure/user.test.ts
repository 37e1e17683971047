import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { keyOf, mergeKeys } from '../../../src/ensure/authorized-keys.ts'
import { Sandbox } from './sandbox.ts'

let box: Sandbox
before(async () => void (box = await Sandbox.create()))
after(() => box[Symbol.asyncDispose]())

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4mAHXqm9qgiLA2sYBJQ1hsF6n6pAHu9wAFZ8f6iW2k'
const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
const HASH = '$6$abcdefgh$U8bR7m5vSxg1gEbLS0kBOKxNqJFdCVwlqLVbnZKGlOS2WrmPQ7Mm7yqAfrq8GPLmVvlVmbJ0QbNNjQ9rNBxxV1'

test('a group is made, gets another number, and is removed, each once', async () => {
  const { ensure, changes, started } = box.bind()
  assert.deepEqual(await ensure.group({ name: 'farmtest', gid: 4711 }), { changed: true })
  assert.equal(started(), 2)
  assert.deepEqual(await ensure.group({ name: 'farmtest' }), { changed: false })
  assert.deepEqual(await ensure.group({ name: 'farmtest', gid: 4712 }), { changed: true })
  assert.match(box.sh('getent group farmtest'), /^farmtest:x:4712:/)
  assert.deepEqual(await ensure.group({ name: 'farmtest', state: 'absent' }), { changed: true })
  assert.deepEqual(await ensure.group({ name: 'farmtest', state: 'absent' }), { changed: false })
  assert.deepEqual(changes.map(({ summary }) => summary), ['create group farmtest', 'change the number of group farmtest from 4711 to 4712', 'remove group farmtest'])
})

test('a user is made with all that was asked for in one go, and the second run changes nothing', async () => {
  const { ensure, changes, lines, started } = box.bind()
  box.sh('groupadd farmtesta; groupadd farmtestb')
  const wanted = { name: 'farmtest1', uid: 4801, shell: '/bin/sh', comment: "Test's user, #1", groups: ['farmtestb', 'farmtesta'], passwordHash: HASH, authorizedKeys: [`${KEY} one@host`] }
  assert.deepEqual(await ensure.user(wanted), { changed: true })
  assert.equal(started(), 2)
  assert.deepEqual(changes.map(({ summary }) => summary), ['create user farmtest1, set the password of farmtest1 and write the authorized keys of farmtest1'])
  assert.match(box.sh('getent passwd farmtest1'), /^farmtest1:x:4801:\d+:Test's user, #1:\/home\/farmtest1:\/bin\/sh$/m)
  assert.equal(box.sh('id -Gn farmtest1').trim(), 'farmtest1 farmtesta farmtestb')
  assert.equal(box.sh("grep '^farmtest1:' /etc/shadow").split(':')[1], HASH)
  assert.equal(box.read('/home/farmtest1/.ssh/authorized_keys'), `${KEY} one@host\n`)
  for (const [path, mode] of [['.ssh', 0o700], ['.ssh/authorized_keys', 0o600]] as const) {
    const stat = statSync(box.path(`/home/farmtest1/${path}`))
    assert.deepEqual([stat.mode & 0o777, stat.uid], [mode, 4801])
  }
  assert.deepEqual(await ensure.user(wanted), { changed: false })
  assert.equal(started(), 3)
  // The hash may be in no diff, no summary, no output.
  assert.ok(!JSON.stringify([changes, lines]).includes(HASH))
})

test('groups are exactly those that are named, unless append is given', async () => {
  const { ensure, changes } = box.bind()
  await ensure.user({ name: 'farmtest2', groups: ['farmtesta'], createHome: false })
  await ensure.user({ name: 'farmtest2', groups: 'farmtestb', append: true })
  assert.equal(box.sh('id -Gn farmtest2').trim(), 'farmtest2 farmtesta farmtestb')
  assert.deepEqual(await ensure.user({ name: 'farmtest2', groups: ['farmtesta'], append: true }), { changed: false })
  await ensure.user({ name: 'farmtest2', groups: ['farmtestb'] })
  await ensure.user({ name: 'farmtest2', groups: [] })
  assert.equal(box.sh('id -Gn farmtest2').trim(), 'farmtest2')
  assert.deepEqual(changes.map(({ summary }) => summary).slice(1), ['add farmtest2 to farmtestb', 'take farmtest2 out of farmtesta', 'take farmtest2 out of farmtestb'])
})

test('what differs is changed, and nothing else', async () => {
  const { ensure, changes } = box.bind()
  await ensure.user({ name: 'farmtest3', shell: '/bin/sh', passwordHash: '*' })
  await ensure.user({ name: 'farmtest3', shell: '/bin/false', comment: 'new', group: 'farmtesta', home: '/srv/there' })
  assert.match(box.sh('getent passwd farmtest3'), /:new:\/srv\/there:\/bin\/false$/m)
  assert.equal(box.sh('id -gn farmtest3').trim(), 'farmtesta')
  assert.equal(changes[1]?.summary, 'set the group of farmtest3 to farmtesta, set the home of farmtest3 to /srv/there, set the shell of farmtest3 to /bin/false and set the comment of farmtest3 to new')
  assert.deepEqual(await ensure.user({ name: 'farmtest3', passwordHash: HASH, updatePassword: 'on-create' }), { changed: false })
  assert.deepEqual(await ensure.user({ name: 'farmtest3', passwordHash: HASH }), { changed: true })
  assert.equal(box.sh("grep '^farmtest3:' /etc/shadow").split(':')[1], HASH)
})

test('a user gets the group of its name where there already is one', async () => {
  const { ensure } = box.bind()
  box.sh('groupadd -g 4900 farmtest4')
  await ensure.user({ name: 'farmtest4', system: true })
  assert.equal(box.sh('id -g farmtest4').trim(), '4900')
  assert.equal(box.read('/home/farmtest4'), undefined)
})

test('keys are added beside others, exclusively when told, and modes that sshd refuses are mended', async () => {
  const { ensure, changes } = box.bind()
  await ensure.user({ name: 'farmtest5' })
  box.write('/home/farmtest5/.ssh/authorized_keys', `# mine\n${OTHER} other`)
  await ensure.user({ name: 'farmtest5', authorizedKeys: `${KEY} me\n` })
  assert.equal(box.read('/home/farmtest5/.ssh/authorized_keys'), `# mine\n${OTHER} other\n${KEY} me\n`)
  box.sh('chmod 666 /home/farmtest5/.ssh/authorized_keys')
  await ensure.user({ name: 'farmtest5', authorizedKeys: [`${KEY} me`] })
  assert.equal(statSync(box.path('/home/farmtest5/.ssh/authorized_keys')).mode & 0o777, 0o600)
  await ensure.user({ name: 'farmtest5', authorizedKeys: [`${KEY} me`], exclusive: true })
  assert.equal(box.read('/home/farmtest5/.ssh/authorized_keys'), `${KEY} me\n`)
  assert.deepEqual(changes.map(({ summary }) => summary).slice(1), ['write the authorized keys of farmtest5', "mend the modes of farmtest5's .ssh", 'write the authorized keys of farmtest5'])
})

test('keys are not written through a link that the user may have laid', async () => {
  const { ensure } = box.bind()
  await ensure.user({ name: 'farmtest6' })
  box.sh('ln -s /etc /home/farmtest6/.ssh')
  await assert.rejects(ensure.user({ name: 'farmtest6', authorizedKeys: [KEY] }), { code: 'user-keys' })
  assert.equal(box.read('/etc/authorized_keys'), undefined)
})

test('a user is removed, with its home when told', async () => {
  const { ensure, changes } = box.bind()
  await ensure.user({ name: 'farmtest7' })
  assert.deepEqual(await ensure.user({ name: 'farmtest7', state: 'absent', remove: true }), { changed: true })
  assert.equal(box.read('/home/farmtest7/.profile'), undefined)
  assert.deepEqual(await ensure.user({ name: 'farmtest7', state: 'absent' }), { changed: false })
  assert.equal(changes[1]?.summary, 'remove user farmtest7 and /home/farmtest7')
})

test('in check mode nothing changes, and the change is announced', async () => {
  const { ensure, changes } = box.bind({ check: true })
  const passwd = box.read('/etc/passwd')
  assert.deepEqual(await ensure.user({ name: 'farmtest8', authorizedKeys: [KEY] }), { changed: true })
  assert.deepEqual(await ensure.group({ name: 'farmtest8' }), { changed: true })
  assert.equal(box.read('/etc/passwd'), passwd)
  assert.deepEqual(changes.map(({ applied }) => applied), [false, false])
})

test('a failure says what the host said', async () => {
  const { ensure } = box.bind()
  await assert.rejects(ensure.user({ name: 'farmtest9', groups: ['no-such-group'] }), { code: 'ensure-failed', message: "cannot create user farmtest9: useradd: group 'no-such-group' does not exist" })
  await assert.rejects(ensure.user({ name: 'root:x' }), { code: 'primitive' })
  await assert.rejects(ensure.user({ name: 'x', authorizedKeys: ['not a key'] }), { code: 'primitive' })
})

test('where there is no shadow suite, busybox is asked, and what it cannot do is an error', async () => {
  await using bare = await Sandbox.create()
  bare.sh('useradd farmtestb1; groupadd farmtestg')
  for (const program of ['useradd', 'usermod', 'userdel', 'groupadd', 'groupmod', 'groupdel']) bare.sh(`rm -f /usr/sbin/${program}`)
  for (const program of ['adduser', 'addgroup', 'deluser', 'delgroup']) bare.standIn(program)
  const { ensure } = bare.bind()
  await ensure.user({ name: 'farmtestb2', uid: 4999, groups: ['farmtestg', 'farmtesth'], shell: '/bin/sh', home: '/srv/x', comment: 'A B' })
  await ensure.user({ name: 'farmtestb3', system: true, group: 'farmtestg' })
  await ensure.user({ name: 'farmtestb1', groups: ['farmtestg'] })
  await ensure.user({ name: 'farmtestb1', state: 'absent', remove: true })
  await ensure.group({ name: 'farmtesti', gid: 4998, system: true })
  await ensure.group({ name: 'farmtestg', state: 'absent' })
  assert.deepEqual(bare.calls(), [
    'adduser -D -u 4999 -h /srv/x -s /bin/sh -g A B farmtestb2', 'addgroup farmtestb2 farmtestg', 'addgroup farmtestb2 farmtesth',
    'adduser -D -G farmtestg -S -H farmtestb3',
    'addgroup farmtestb1 farmtestg',
    'deluser --remove-home farmtestb1',
    'addgroup -g 4998 -S farmtesti',
    'delgroup farmtestg',
  ])
  await assert.rejects(ensure.user({ name: 'farmtestb1', shell: '/bin/false' }), { message: 'cannot set the shell of farmtestb1 to /bin/false: usermod is not installed, and busybox cannot change users and groups that exist', hint: 'install the package shadow' })
})

test('the same key with other options or another comment is replaced where it stands', () => {
  assert.equal(keyOf(`from="10.0.0.1" ${KEY} me`), KEY)
  assert.equal(keyOf(`# ${KEY}`), undefined)
  assert.equal(mergeKeys(`${KEY} old\n${OTHER}\n${KEY} twice\n`, [`restrict ${KEY} new`], false), `restrict ${KEY} new\n${OTHER}\n`)
  assert.equal(mergeKeys('', [], false), '')
  assert.equal(mergeKeys(`${OTHER}\n`, [], true), '')
})
