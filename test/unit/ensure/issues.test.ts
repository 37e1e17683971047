import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { explainIssues } from '../../../src/ensure/issues.ts'

const said = (schema: z.ZodType, value: unknown): string[] => explainIssues({ issues: schema.safeParse(value).error?.issues ?? [] })

test('a kind of value that was not expected is said in the words of people', () => {
  const schema = z.object({ src: z.string(), mode: z.number().optional(), paths: z.array(z.string()).optional(), force: z.boolean().optional(), env: z.record(z.string(), z.string()).optional() })
  assert.deepEqual(said(schema, {}), ['src: not set, expected text'])
  assert.deepEqual(said(schema, { src: 'a', mode: 'x', paths: 'b', force: 'no', env: ['c'] }), ['mode: expected a number, got text', 'paths: expected a list, got text', 'force: expected true or false, got text', 'env: expected a map, got a list'])
})

test('what a schema says in words of its own is left as it is', () => {
  assert.deepEqual(said(z.object({ src: z.string({ error: 'a file on the controller' }) }), {}), ['src: a file on the controller'])
})
