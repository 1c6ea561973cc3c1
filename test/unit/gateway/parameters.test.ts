import { expect, test } from 'vitest'
import { unknownParameter } from '../../../gateway/parameters.ts'

test.each([
  ['MAIL FROM:<a@b.example>', undefined],
  ['MAIL FROM:<>', undefined],
  ['mail from:<a@b.example> size=10 body=8BITMIME SMTPUTF8 RET=HDRS ENVID=x AUTH=<>', undefined],
  ['MAIL FROM: <a@b.example>  SIZE=10', undefined],
  ['MAIL FROM:<a@b.example> REQUIRETLS', 'REQUIRETLS'],
  ['MAIL FROM:<a@b.example> SIZE=10 HOLDFOR=60', 'HOLDFOR'],
  ['MAIL FROM:<a@b.example> NOTIFY=NEVER', 'NOTIFY'],
  ['RCPT TO:<a@b.example> NOTIFY=NEVER ORCPT=rfc822;a@b.example', undefined],
  ['RCPT TO:<a@b.example> RRVS=2026-01-01', 'RRVS'],
  ['RCPT TO:<a@b.example> =x', ''],
  ['EHLO <a> b', undefined],
  ['NOOP', undefined],
])('%s', (line, unknown) => {
  expect(unknownParameter(line)).toBe(unknown)
})
