import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Sandbox } from './sandbox.ts'

describe('services by init scripts, where no init system runs', () => {
  let box: Sandbox
  before(async () => {
    box = await Sandbox.create()
    // A daemon that does nothing, keeps the outputs open, and ends with the sandbox's test at the latest.
    box.write('/etc/init.d/farmtest', `#!/bin/sh
### BEGIN INIT INFO
# Provides: farmtest
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: test
### END INIT INFO
echo "farmtest $1" >>/run/calls
running() { [ -e /run/farmtest.pid ] && kill -0 "$(cat /run/farmtest.pid)" 2>/dev/null; }
case $1 in
start) if [ -e /run/broken ]; then echo 'it is broken' >&2; exit 1; fi; sleep 60 & echo $! >/run/farmtest.pid; echo started;;
stop) kill "$(cat /run/farmtest.pid)"; rm /run/farmtest.pid;;
restart) "$0" stop; "$0" start;;
reload) echo reloading;;
status) running || exit 3;;
esac
`, 0o755)
  })
  beforeEach(() => void box.calls())
  after(async () => {
    box.sh('[ ! -e /run/farmtest.pid ] || kill "$(cat /run/farmtest.pid)"')
    await box[Symbol.asyncDispose]()
  })

  test('a service is started, enabled, stopped and disabled, each once', async () => {
    const { ensure, changes, lines, started } = box.bind()
    assert.deepEqual(await ensure.service({ name: 'farmtest', state: 'started', enabled: true }), { changed: true })
    // Facts, reading, applying.
    assert.equal(started(), 3)
    assert.match(box.sh('ls /etc/rc2.d'), /S\d\dfarmtest/)
    assert.deepEqual(await ensure.service({ name: 'farmtest', state: 'started', enabled: true }), { changed: false })
    assert.deepEqual(await ensure.service({ name: 'farmtest', state: 'stopped', enabled: false }), { changed: true })
    assert.deepEqual(await ensure.service({ name: 'farmtest', state: 'stopped', enabled: false }), { changed: false })
    assert.deepEqual(box.calls(), ['farmtest status', 'farmtest start', 'farmtest status', 'farmtest status', 'farmtest stop', 'farmtest status'])
    assert.deepEqual(changes.map(({ summary, diff }) => [summary, diff?.before, diff?.after]), [
      ['enable and start service farmtest', 'stopped, disabled\n', 'running, enabled\n'],
      ['disable and stop service farmtest', 'running, enabled\n', 'stopped, disabled\n'],
    ])
    assert.ok(lines.includes('stdout: started'))
  })

  test('restarted and reloaded start what does not run, and always are a change', async () => {
    const { ensure, changes } = box.bind()
    await ensure.service({ name: 'farmtest', state: 'reloaded' })
    await ensure.service({ name: 'farmtest', state: 'reloaded' })
    await ensure.service({ name: 'farmtest', state: 'restarted' })
    assert.deepEqual(changes.map(({ summary }) => summary), ['start service farmtest', 'reload service farmtest', 'restart service farmtest'])
    await ensure.service({ name: 'farmtest', state: 'stopped' })
  })

  test('in check mode nothing changes, and a service that is still to be installed is announced', async () => {
    const { ensure, changes } = box.bind({ check: true })
    assert.deepEqual(await ensure.service({ name: 'farmtest', state: 'started' }), { changed: true })
    assert.deepEqual(await ensure.service({ name: 'no-such-service', state: 'started', enabled: true }), { changed: true })
    assert.deepEqual(await ensure.service({ name: 'no-such-service', state: 'stopped' }), { changed: false })
    assert.deepEqual(box.calls(), ['farmtest status'])
    assert.deepEqual(changes.map(({ summary, applied }) => [summary, applied]), [['start service farmtest', false], ['enable and start service no-such-service, once it is there', false]])
  })

  test('a service that does not start is an error with what it said', async () => {
    box.write('/run/broken', '')
    await assert.rejects(box.bind().ensure.service({ name: 'farmtest', state: 'started' }), { code: 'ensure-failed', message: 'cannot start service farmtest: it is broken' })
    box.sh('rm /run/broken')
  })

  test('an unknown service is an error, unless it shall be stopped', async () => {
    const { ensure } = box.bind()
    await assert.rejects(ensure.service({ name: 'no-such-service', state: 'started' }), { code: 'service-unknown', hint: 'no init system runs there, so farm looks for /etc/init.d/no-such-service; start the daemon with a command instead' })
    assert.deepEqual(await ensure.service({ name: 'no-such-service', state: 'stopped', enabled: false }), { changed: false })
    await assert.rejects(ensure.service({ name: 'farmtest' }), { message: 'ensure.service: arguments: give state, enabled, or both' })
    await assert.rejects(ensure.service({ name: '../x', state: 'started' }), { code: 'primitive' })
  })
})

describe('services by systemd and OpenRC, as stand-ins', () => {
  let box: Sandbox
  before(async () => void (box = await Sandbox.create()))
  after(() => box[Symbol.asyncDispose]())
  beforeEach(() => void box.calls())
  const changing = (): string[] => box.calls().filter((call) => !/ show |is-enabled| status$/.test(call))

  test('systemd', async () => {
    box.standIn('systemctl', `
case "$*" in
*--value*) echo yes;;
"show "*missing) echo LoadState=not-found; echo ActiveState=inactive;;
"show "*masked) echo LoadState=masked; echo ActiveState=inactive;;
"show "*) echo LoadState=loaded; [ -e /run/active ] && echo ActiveState=active || echo ActiveState=failed;;
"is-enabled static") echo static;; "is-enabled "*) [ -e /run/enabled ] && echo enabled || { echo disabled; exit 1; };;
"start broken") echo 'Job for broken.service failed.' >&2; exit 1;;
"start "*) touch /run/active;; "stop "*) rm /run/active;; "enable "*) touch /run/enabled;; "disable "*) rm /run/enabled;;
esac`)
    const { ensure, changes } = box.bind()
    const manager = 'systemd'
    await ensure.service({ manager, name: 'ssh', state: 'started', enabled: true })
    assert.deepEqual(await ensure.service({ manager, name: 'ssh', state: 'started', enabled: true }), { changed: false })
    await ensure.service({ manager, name: 'ssh', state: 'restarted' })
    await ensure.service({ manager, name: 'ssh', state: 'stopped', enabled: false })
    assert.deepEqual(changing(), ['systemctl enable ssh', 'systemctl daemon-reload', 'systemctl start ssh', 'systemctl daemon-reload', 'systemctl restart ssh', 'systemctl disable ssh', 'systemctl daemon-reload', 'systemctl stop ssh'])
    assert.deepEqual(changes.map(({ summary }) => summary), ['enable and start service ssh', 'restart service ssh', 'disable and stop service ssh'])
    assert.deepEqual(await ensure.service({ manager, name: 'static', enabled: true }), { changed: false })
    await assert.rejects(ensure.service({ manager, name: 'missing', state: 'started' }), { code: 'service-unknown' })
    await assert.rejects(ensure.service({ manager, name: 'masked', state: 'started' }), { code: 'service-masked', hint: 'systemctl unmask masked' })
    await assert.rejects(ensure.service({ manager, name: 'broken', state: 'started' }), { message: 'cannot start service broken: Job for broken.service failed.', hint: 'systemctl status broken' })
  })

  test('OpenRC', async () => {
    box.standIn('rc-service', 'case $2 in status) [ -e /run/rc ] || exit 3;; start) touch /run/rc;; stop) rm /run/rc;; esac')
    box.standIn('rc-update', 'case $1 in add) mkdir -p "/etc/runlevels/$3"; touch "/etc/runlevels/$3/$2";; del) rm "/etc/runlevels/$3/$2";; esac')
    box.write('/etc/init.d/farmrc', '#!/sbin/openrc-run\n', 0o755)
    const { ensure } = box.bind()
    const manager = 'openrc'
    await ensure.service({ manager, name: 'farmrc', state: 'started', enabled: true })
    assert.deepEqual(await ensure.service({ manager, name: 'farmrc', state: 'started', enabled: true }), { changed: false })
    await ensure.service({ manager, name: 'farmrc', enabled: true, runlevel: 'boot' })
    await ensure.service({ manager, name: 'farmrc', state: 'reloaded' })
    await ensure.service({ manager, name: 'farmrc', state: 'stopped', enabled: false })
    assert.deepEqual(changing(), ['rc-update add farmrc default', 'rc-service farmrc start', 'rc-update add farmrc boot', 'rc-service farmrc reload', 'rc-update del farmrc default', 'rc-service farmrc stop'])
    await assert.rejects(ensure.service({ manager, name: 'missing', enabled: true }), { code: 'service-unknown' })
  })
})
