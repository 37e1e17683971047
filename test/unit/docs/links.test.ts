import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { packaged } from '../../../src/paths.ts'
import { anchorsOf, linksOf, PAGES, textOf } from './pages.ts'

describe('a link of the documentation', () => {
  for (const page of PAGES) {
    test(`in ${page} leads to what is there`, () => {
      for (const link of linksOf(page).filter((target) => !/^[a-z]+:/.test(target))) {
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? page : join(dirname(page), path)
        assert.ok(existsSync(packaged(target)), `${link}: there is no ${target}`)
        if (anchor !== undefined) assert.ok(anchorsOf(target).includes(anchor), `${link}: ${target} has only ${anchorsOf(target).join(', ')}`)
      }
    })
  }

  test('leads from the README to every page', () => {
    const linked = linksOf('README.md').map((link) => link.split('#')[0])
    for (const page of PAGES.filter((name) => name.startsWith('docs/'))) assert.ok(linked.includes(page), `nothing in the README leads to ${page}`)
  })
})

test('every mistake of ansible_farm is spoken of once, with a test or why it cannot happen', () => {
  const rows = [...textOf('docs/ansible-farm.md').matchAll(/^\| (B\d+) \| .+ \| (.+) \| (.*)\|$/gm)].map(([, name = '', farm = '', proof = '']) => ({ name, farm, proof }))
  assert.deepEqual(rows.map(({ name }) => name), Array.from({ length: 26 }, (_, index) => `B${index + 1}`))
  for (const { name, farm, proof } of rows) assert.ok(/\.test\.ts\)/.test(proof) || farm.startsWith('cannot happen: '), name)
})

test('the documentation names no directory of whoever wrote it', () => {
  for (const page of PAGES) assert.doesNotMatch(textOf(page), /\/(work|root|var\/tmp\/(m|v|k|r\d)?)\/(main|shared)|\/home\/(?!user\b|farm\b|deploy\b)[a-z]+\//, page)
})
