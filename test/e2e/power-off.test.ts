/** Machines are powered off by real libvirt: one whose guest listens, and one whose guest does not. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { powerOff, type Domain, type Hypervisor } from '../../src/hypervisor/index.ts'
import { guestImage } from '../lab/images.ts'
import { Lab, until, type LabHost } from '../lab/index.ts'
import { consoleOf, hypervisorOf, POOL, prepareTiny, ticks, tinyDomain, type TinyOptions } from './tiny-guest.ts'

describe('powering machines off', () => {
  let lab: Lab
  let host: LabHost
  let hypervisor: Hypervisor

  before(async () => {
    lab = await Lab.create({ hosts: ['anemoi'] })
    host = lab.host('anemoi')
    await prepareTiny(host)
    hypervisor = hypervisorOf(host)
  })
  after(() => lab?.[Symbol.asyncDispose]())

  async function start(name: string, options: TinyOptions): Promise<Domain> {
    await host.must('cat >/tmp/d.xml; virsh -q define /tmp/d.xml', { input: tinyDomain(name, options) })
    await host.must(`virsh -q start ${name}`)
    return machine(name)
  }

  const machine = async (name: string): Promise<Domain> => {
    hypervisor.forget()
    const found = (await hypervisor.domains.list()).get(name)
    assert.ok(found)
    return found
  }

  test('a guest that farm has built hears the power button and is off within seconds', async (t) => {
    const image = await guestImage()
    await host.must(`qemu-img create -q -f qcow2 -F qcow2 -b ${image.disk} ${POOL}/boreas.qcow2`)
    const boot = { kernel: image.kernel, initrd: image.initrd, cmdline: image.cmdline.replaceAll('&', '&amp;') }
    const domain = await start('boreas', { boot, memory: 320, disks: [{ device: 'vda', file: `${POOL}/boreas.qcow2` }] })
    const log = (): string => readFileSync(host.path(consoleOf('boreas')), 'utf8')
    await until('the guest has booted', () => Promise.resolve(/farm: ready|login:/.test(log()) ? true : undefined), 90_000)
    // The button may be pressed before anybody listens: it is pressed again.
    const { how, seconds } = await powerOff(hypervisor, domain, { patience: 60 })
    t.diagnostic(`off after ${seconds.toFixed(1)} s`)
    assert.equal(how, 'acpi', log().slice(-2000))
    assert.equal((await machine('boreas')).state, 'shut off')
    assert.deepEqual(await powerOff(hypervisor, domain, { patience: 60 }).then((result) => result.how), 'off already')
  })

  test('a guest that does not listen is asked from inside, and loses its power when its time is over', async () => {
    const domain = await start('notus', { disks: [] })
    await until('the guest counts', () => Promise.resolve(ticks(host, 'notus') >= 1 ? true : undefined))
    const ended = await powerOff(hypervisor, domain, { patience: 3 })
    assert.equal(ended.how, 'destroyed')
    assert.ok(ended.seconds >= 3, `its power was cut after ${ended.seconds} s already`)
    assert.equal((await machine('notus')).state, 'shut off')

    await host.must('virsh -q start notus')
    // As a login that powers it off would.
    const asked = await powerOff(hypervisor, domain, { patience: 16, ask: () => host.must('virsh -q destroy notus') })
    assert.equal(asked.how, 'asked')

    await host.must('virsh -q start notus && virsh -q suspend notus')
    const failing = await powerOff(hypervisor, domain, { patience: 2, ask: () => Promise.reject(new Error('no answer')) })
    assert.equal(failing.how, 'destroyed')
  })
})
