import { expect, test } from 'vitest'
import { commandFault } from '../../../gateway/parameters.ts'

test.each<[string, string | undefined]>([
  ['MAIL FROM:<a@b.example>', undefined],
  ['MAIL FROM:<>', undefined],
  ['mail from:<a@b.example> size=10 body=8BITMIME SMTPUTF8 RET=HDRS ENVID=x AUTH=<>', undefined],
  ['MAIL FROM: <a@b.example>  SIZE=10', undefined],
  ['MAIL FROM:<a@b.example> REQUIRETLS', 'parameterUnknown'],
  ['MAIL FROM:<a@b.example> SIZE=10 HOLDFOR=60', 'parameterUnknown'],
  ['MAIL FROM:<a@b.example> NOTIFY=NEVER', 'parameterUnknown'],
  ['RCPT TO:<a@b.example> NOTIFY=NEVER ORCPT=rfc822;a@b.example', undefined],
  ['RCPT TO:<a@b.example> RRVS=2026-01-01', 'parameterUnknown'],
  ['RCPT TO:<a@b.example> =x', 'parameterUnknown'],
  ['EHLO <a> b', undefined],
  ['NOOP', undefined],
  ['MAIL FROM:<a@b.example>\tSIZE=10', undefined],
  ['MAIL FROM:<a@b.example>\rRCPT TO:<c@d.example>', 'lineMalformed'],
  ['NOOP\r', 'lineMalformed'],
  ['EHLO a\0b', 'lineMalformed'],
])('%j', (line, fault) => {
  expect(commandFault(line)).toBe(fault)
})
