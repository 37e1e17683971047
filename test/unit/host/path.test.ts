import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createShell } from '../../../src/host/shell.ts'
import { connect } from '../../../src/host/index.ts'

test('the tools of administrators are found whatever PATH the user has, and no directory is there twice', async (t) => {
  const connection = await connect({ name: 'here', connection: 'local' })
  t.after(() => connection.close())
  const pathAfter = async (before: string): Promise<string> => {
    const $ = createShell({ host: 'here', keep: 1 << 20, spawn: (script) => connection.spawn(`${before}\n${script}`) })
    // A command's own commands get it too.
    return (await $`/bin/sh -c 'echo "$PATH"'`.text()).trim()
  }
  assert.equal(await pathAfter('PATH=/usr/bin:/bin'), '/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin')
  assert.equal(await pathAfter('PATH=/usr/sbin:/usr/bin'), '/usr/sbin:/usr/bin:/usr/local/sbin:/sbin')
  assert.equal(await pathAfter('PATH=/usr/local/sbin:/sbin:/usr/sbin'), '/usr/local/sbin:/sbin:/usr/sbin')
  // An empty part would mean the current directory.
  for (const none of ['PATH=', 'unset PATH']) assert.equal(await pathAfter(none), '/usr/local/sbin:/usr/sbin:/sbin')
})
