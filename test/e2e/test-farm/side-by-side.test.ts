/** Two farms that share a hypervisor: neither knows of the other's run, and both need addresses there. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertExit, failures } from '../farm.ts'
import { Field, phases } from './field.ts'

describe('two test farms on one hypervisor', () => {
  let field: Field
  before(async () => {
    field = await Field.create({ hosts: ['lynx'], platforms: { bookworm: { amd64: {} } }, config: '{ list: [{ platform: bookworm, target: amd64 }] }' })
  })
  after(() => field?.[Symbol.asyncDispose]())

  const machine = (name: string): string => JSON.stringify({ farm_name: name, config: { list: [{ platform: 'bookworm', target: 'amd64', name: `${name}_machine` }] } })

  it('run at the same time, and no address is given twice', async () => {
    const runs = await Promise.all(['north', 'south'].map((name) => field.start('-e', machine(name)).end()))
    for (const [index, name] of ['north', 'south'].entries()) {
      assertExit(runs[index]!, 0)
      assert.deepEqual(phases(runs[index]!, `${name}_machine`), ['dependencies', 'init', 'main', 'terminate'])
    }
    const documents = await Promise.all(['north', 'south'].map((name) => field.lab.host('lynx').must(`virsh dumpxml ${name}_machine`)))
    for (const pattern of [/hostfwd=tcp:127\.0\.0\.1:(\d+)-:22/, /mac=([0-9a-f:]{17})/]) {
      const [north, south] = documents.map((document) => pattern.exec(document)?.[1])
      assert.ok(north !== undefined && south !== undefined, `no ${pattern} in ${documents[0]}`)
      assert.notEqual(north, south)
    }
  })

  it('leave a machine of that name alone which is the other one\'s', async () => {
    const run = await field.test('-e', JSON.stringify({ farm_name: 'south', config: { list: [{ platform: 'bookworm', target: 'amd64', name: 'north_machine' }] } }))
    assertExit(run, 69)
    assert.match(failures(run).map(({ message }) => message).join('\n'), /lynx: there is a machine called north_machine that is not this farm's/)
  })

  it('are removed one without the other', async () => {
    assertExit(await field.farm('run', 'remove-test-farm', '-i', 'hosts.yaml', '-e', 'farm_name=north', '--yes'), 0)
    assert.equal((await field.lab.host('lynx').must('virsh -q list --all --name')).trim(), 'south_machine')
  })
})
