import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Footprint } from '../lab/index.ts'
import { assertAsBefore, assertFailure, CACHE, type Run } from './farm.ts'
import { setStage, type Stage } from './rig.ts'

const NETWORK = '<network><name>anemoi</name><bridge name="virbr7" stp="off"/><ip address="192.168.77.1" netmask="255.255.255.0"/></network>'
const MACHINE = '<domain type="qemu"><name>zephyrus</name><memory unit="MiB">64</memory><os><type>hvm</type></os></domain>'

describe('what cannot be done is refused before anything is changed', () => {
  let stage: Stage

  before(async () => void (stage = await setStage({ image: 'blank' })))
  beforeEach(() => stage.project.write())
  after(async () => stage?.[Symbol.asyncDispose]())

  /** The failure must point at the line of host_vars that has `text`. */
  function assertPointsAt(failure: ReturnType<typeof assertFailure>, text: string): void {
    assert.ok(failure.location, `no location: ${JSON.stringify(failure)}`)
    assert.match(failure.location.file, /host_vars\/anemoi\.yml$/)
    assert.equal(failure.location.line, stage.project.lineOf(text), JSON.stringify(failure))
  }

  test('memory that is no number is bad input, with file and line', async () => {
    stage.project.edit('vm_mem: 384', 'vm_mem: lots')
    const failure = assertFailure(await stage.farm.provision(), 65)
    assertPointsAt(failure, 'vm_mem: lots')
    assert.match(failure.message, /vm_mem/)
    await assertAsBefore(stage.host, stage.bare)
  })

  test('two machines of one name are bad input, with file and line', async () => {
    stage.project.write({ machines: ['boreas', 'zephyrus', 'boreas'] })
    const failure = assertFailure(await stage.farm.provision(), 65)
    assert.match(`${failure.message} ${failure.details?.join(' ')}`, /boreas/)
    assert.match(failure.location?.file ?? '', /host_vars\/anemoi\.yml$/)
    assert.equal(typeof failure.location?.line, 'number')
    await assertAsBefore(stage.host, stage.bare)
  })

  test('an address outside the subnet is bad input, with file and line', async () => {
    stage.project.edit('172.17.2.4', '172.17.3.4')
    const failure = assertFailure(await stage.farm.provision(), 65)
    assert.match(failure.message, /172\.17\.3\.4/)
    assert.match(failure.location?.file ?? '', /host_vars\/anemoi\.yml$/)
    assert.equal(typeof failure.location?.line, 'number')
    await assertAsBefore(stage.host, stage.bare)
  })

  test('an address that two machines share is bad input', async () => {
    stage.project.edit('172.17.2.4', '172.17.2.3')
    const failure = assertFailure(await stage.farm.provision(), 65)
    assert.match(failure.message, /172\.17\.2\.3/)
    await assertAsBefore(stage.host, stage.bare)
  })

  for (const name of ['$(touch /tmp/pwned)', '`touch /tmp/pwned`', "a'; touch /tmp/pwned; '", 'a"b', 'a&b', '../../etc/x', 'two words', '-x']) {
    test(`a machine named ${name} is refused and never executed`, async () => {
      stage.project.edit('  - boreas\n', `  - ${JSON.stringify(name)}\n`)
      stage.project.edit('name: boreas', `name: ${JSON.stringify(name)}`)
      const failure = assertFailure(await stage.farm.provision(), 65)
      assert.match(failure.location?.file ?? '', /host_vars\/anemoi\.yml$/)
      assert.equal(existsSync('/tmp/pwned'), false)
      assert.equal(existsSync(stage.host.path('/tmp/pwned')), false)
      await assertAsBefore(stage.host, stage.bare)
    })
  }

  test('a public key that is not there is bad input', async () => {
    stage.project.edit('anemoi_rsa.pub', 'nobody_rsa.pub')
    const failure = assertFailure(await stage.farm.provision(), 65)
    assert.match(failure.message, /nobody_rsa\.pub/)
    await assertAsBefore(stage.host, stage.bare)
  })

  test('more memory than the host has is refused for lack of capacity', async () => {
    stage.project.edit('vm_mem: 384', 'vm_mem: 4000000')
    const failure = assertFailure(await stage.farm.provision(), 69)
    assert.match(failure.message, /memory|MiB|GiB/i)
    await assertAsBefore(stage.host, stage.bare, CACHE)
  })

  test('an explicit kvm where the CPU has no virtualization is refused, saying why', async () => {
    await stage.host.must("sed '/^flags/s/ \\(vmx\\|svm\\)\\b//g' /proc/cpuinfo > /run/lab/cpuinfo; mount --bind /run/lab/cpuinfo /proc/cpuinfo")
    try {
      const covered = await stage.host.footprint()
      stage.project.write({ vars: { virt_type: 'kvm' } })
      const run = await stage.farm.provision()
      assert.notEqual(run.code, 0)
      const failure = assertFailure(run, run.code ?? -1)
      assert.match(`${failure.message} ${failure.hint}`, /vmx|svm|virtualization/i)
      await assertAsBefore(stage.host, covered, CACHE)
    } finally {
      await stage.host.must('umount /proc/cpuinfo')
    }
  })

  test('a host whose key is not known is not entered, and the command that would accept it is named', async () => {
    const known = `${stage.lab.home}/.ssh/known_hosts`
    const kept = readFileSync(known)
    writeFileSync(known, '')
    try {
      const failure = assertFailure(await stage.farm.provision(), 4)
      assert.match(`${failure.message} ${failure.hint}`, /known_hosts|ssh-keyscan|ssh /)
      assert.equal(readFileSync(known, 'utf8'), '')
    } finally {
      writeFileSync(known, kept)
    }
    await assertAsBefore(stage.host, stage.bare)
  })

  describe('a network of the same name that farm does not own', () => {
    let foreign: Footprint
    before(async () => {
      await stage.host.must('cat > /run/lab/n.xml; virsh -q net-define /run/lab/n.xml; virsh -q net-start anemoi', { input: NETWORK })
      foreign = await stage.host.footprint()
    })
    after(async () => stage.host.must('virsh -q net-destroy anemoi; virsh -q net-undefine anemoi; echo 0 > /proc/sys/net/ipv4/ip_forward'))

    const refused = async (run: Run): Promise<void> => {
      assert.ok(run.code === 2 || run.code === 65, `exit ${run.code}`)
      const failure = assertFailure(run, run.code)
      assert.match(failure.message, /anemoi/)
      assert.match(`${failure.message} ${failure.hint}`, /not .*(farm|own)|foreign|someone/i)
      await assertAsBefore(stage.host, foreign, CACHE)
    }
    test('stops provisioning and is left alone', async () => refused(await stage.farm.provision()))
    test('stops unprovisioning and is left alone', async () => refused(await stage.farm.unprovision()))
  })

  describe('a machine of the same name that farm does not own', () => {
    let foreign: Footprint
    before(async () => {
      await stage.host.must('cat > /run/lab/d.xml; virsh -q define /run/lab/d.xml', { input: MACHINE })
      foreign = await stage.host.footprint()
    })
    after(async () => stage.host.must('virsh -q undefine zephyrus'))

    const refused = async (run: Run): Promise<void> => {
      assert.ok(run.code === 2 || run.code === 65, `exit ${run.code}`)
      assert.match(assertFailure(run, run.code).message, /zephyrus/)
      await assertAsBefore(stage.host, foreign, CACHE)
    }
    test('stops provisioning and is left alone', async () => refused(await stage.farm.provision()))
    test('stops unprovisioning and is left alone', async () => refused(await stage.farm.unprovision()))
  })
})
