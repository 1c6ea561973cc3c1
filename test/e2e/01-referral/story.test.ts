import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { pli, run } from '../../support/cli.ts'
import { withoutTrace } from '../../support/maildir.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { forgingAuthority, startTimeStampServer } from '../../support/time-stamp-authority.ts'
import { until } from '../../support/until.ts'
import { type Letter, sampleLetter } from '../../world/letter.ts'

let stage: Stage
let letter: Letter
let id: string

beforeAll(async () => {
  stage = await openStage()
  const { sender, recipient } = stage.world.accounts
  letter = await sampleLetter({ sender, recipient })
  id = await stage.submit(sender, recipient.address, letter.eml)
  await stage.settled('alpha', id)
})
afterAll(() => stage[Symbol.asyncDispose]())

test('a referral is relayed, delivered and filed: three columns', async () => {
  const { recipients, filings } = await stage.settled('alpha', id)
  expect(recipients).toMatchObject([
    { address: stage.world.accounts.recipient.address, relay: 'sent', receipt: 'delivered', filing: 'filed' },
  ])
  expect(filings).toMatchObject([{ state: 'filed', uniqueId: letter.uniqueId }])
})

test('the ledger names the peer by the DN of its certificate, under TLS 1.3', async () => {
  const { lines } = await stage.settled('alpha', id)
  const relayed = lines.find(({ what }) => what === 'relayed')
  expect(relayed?.detail).toMatchObject({
    tls: 'TLSv1.3',
    peer: expect.stringMatching(/^CN=smtp\.beta\.mssante\.example,OU=1\d{9},O=OPERATEUR BETA,/),
  })
  expect(lines[0]).toMatchObject({ what: 'accepted', detail: { origin: 'submission' } })
})

test('the letter in the recipient’s mailbox is the one that was written, octet by octet, after the trace fields', async () => {
  const { sender, recipient } = stage.world.accounts
  const mail = await stage.mailbox(recipient.address)
  expect(mail).toHaveLength(1)
  const { original, ...fields } = withoutTrace(mail[0]!)
  const trace = fields.trace.replace(/\r\n[ \t]+/g, ' ')
  expect(original.equals(letter.eml)).toBe(true)
  expect(trace).toMatch(
    `Return-Path: <${sender.address}>\r\nDelivered-To: ${recipient.address}\r\nReceived: from smtp.alpha.mssante.example`,
  )
  // Where the doctor sits is nobody's business; that TLS and a password were used is.
  expect(trace.match(/^Received:/gm)).toHaveLength(2)
  expect(trace).toMatch(new RegExp(`by smtp\\.alpha\\.mssante\\.example \\(TLSv1\\.3:[^)]*\\) with ESMTPSA id ${id};`))
})

test('what is known of the letter can be had signed, and checked by anybody with openssl', async () => {
  const { operators, shared, folder, accounts } = stage.world
  const [file, shown, authorities] = ['proof.p7m', 'proof.json', 'authorities.pem'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(authorities, shared.anchors.map(anchor => readFileSync(anchor, 'utf8')).join('\n'))
  const made = await pli('trace', id, '-c', operators.alpha.configuration, '--proof', file)
  expect(made).toMatchObject({ status: 0 })
  const verify = (path: string) =>
    run('openssl', `cms -verify -inform DER -in ${path} -CAfile ${authorities} -purpose any -out ${shown}`.split(' '))
  expect((await verify(file)).stderr).toContain('CMS Verification successful')
  const proof = JSON.parse(readFileSync(shown, 'utf8'))
  expect(proof).toMatchObject({
    operator: { hostname: 'smtp.alpha.mssante.example' },
    message: {
      id,
      messageId: letter.messageId,
      from: accounts.sender.address,
      sha256: createHash('sha256').update(letter.eml).digest('hex'),
    },
    recipients: [
      {
        address: accounts.recipient.address,
        relayed: { detail: { tls: 'TLSv1.3', peer: expect.stringMatching(/^CN=smtp\.beta\.mssante\.example/) } },
        receipts: [
          {
            what: 'delivered',
            detail: { by: 'dsn' },
            report: { handedInBy: expect.stringMatching(/^CN=smtp\.beta/), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
          },
        ],
      },
    ],
    filings: [{ uniqueId: letter.uniqueId, state: 'filed' }],
  })
  const forged = readFileSync(file)
  forged[forged.indexOf('TLSv1.3') + 6]! ^= 1
  writeFileSync(file, forged)
  expect((await verify(file)).status).not.toBe(0)
})

test('where a time-stamp authority is configured, a proof has its stamp, or is not written', async () => {
  const { folder, operators, pki, shared } = stage.world
  const person = { organization: 'AUTORITE FICTIVE', structure: '1750000001', key: 'ec' } as const
  const authority = await pki.issue({ ...person, kind: 'timeStamp', commonName: 'HORODATAGE FICTIF' })
  const host = await pki.issue({ ...person, kind: 'server', commonName: 'localhost' })
  await using server = await startTimeStampServer(
    { ...host, certificatePem: host.certificatePem + pki.authorities[1] },
    forgingAuthority(authority),
  )
  const { anchors, crls } = shared
  const timeStamp = { url: server.url, anchors, crls, httpsAnchors: anchors }
  const configuration = join(operators.alpha.folder, 'stamped.yaml')
  writeFileSync(configuration, stringify({ ...parse(readFileSync(operators.alpha.configuration, 'utf8')), timeStamp }))
  const prove = (file: string) => pli('trace', id, '-c', configuration, '--proof', join(folder, file))
  expect(await prove('stamped.p7m')).toMatchObject({ status: 0, stderr: expect.stringContaining('its signature is stamped') })
  expect(existsSync(join(folder, 'stamped.p7m.tsr'))).toBe(true)
  server.answer(forgingAuthority(authority, { status: 2 }))
  expect(await prove('refused.p7m')).toMatchObject({ status: 1, stderr: 'pli: the authority gives no time stamp (rejection)\n' })
  expect(readdirSync(folder).filter(name => name.startsWith('refused'))).toEqual([])
})

test('the acknowledgement is a delivery report of RFC 3464, in French', async () => {
  const { sender, recipient } = stage.world.accounts
  const [report] = await until('the acknowledgement', async () => {
    const mail = (await stage.mailbox(sender.address)).filter(each => each.includes('multipart/report'))
    return mail.length > 0 && mail
  })
  const { headers, subject, text, attachments } = await simpleParser(report!, { keepDeliveryStatus: true })
  expect(headers.get('content-type')).toMatchObject({ value: 'multipart/report', params: { 'report-type': 'delivery-status' } })
  expect(report!.toString()).toMatch(/^Return-Path: <>\r\n/)
  expect(subject).toBe('Accusé de réception : message remis')
  expect(text).toContain('Votre message a bien été remis dans la boîte du destinataire suivant :')
  const status = attachments.find(({ contentType }) => contentType === 'message/delivery-status')!.content.toString()
  expect(status).toMatch(/^Reporting-MTA: dns; smtp\.beta\.mssante\.example$/m)
  expect(status).toContain(`Final-Recipient: rfc822; ${recipient.address}\r\nAction: delivered\r\nStatus: 2.1.5\r\n`)
  const returned = attachments.find(({ contentType }) => contentType === 'text/rfc822-headers')!.content.toString()
  expect(returned).toContain(`Message-ID: <${letter.messageId}>`)
  // The header is returned, never the letter: no part of it may be in the report.
  expect(attachments.map(({ contentType }) => contentType)).toEqual(['message/delivery-status', 'text/rfc822-headers'])
})

test('its sender is told, in a mail of its own, that the document is in the DMP', async () => {
  const { sender } = stage.world.accounts
  const told = await until('the notice', async () => {
    const mail = await Promise.all((await stage.mailbox(sender.address)).map(each => simpleParser(each)))
    return mail.find(({ headers }) => headers.has('x-pli-filing'))
  })
  expect(told.subject).toBe('Dépôt au DMP : effectué')
  expect(told.headers.get('x-pli-filing')).toBe(`${letter.uniqueId}; place=1; state=filed`)
  expect(told.inReplyTo).toBe(`<${letter.messageId}>`)
  const { lines } = (await stage.timeline('alpha', id))!
  expect(lines.filter(({ what }) => what === 'filing-told')).toHaveLength(1)
})

test('the DMP has the document, with the same octets, and nothing else', async () => {
  const { dmp } = stage.world
  expect(dmp.filed.map(({ uniqueId, typeCode }) => ({ uniqueId, typeCode }))).toEqual([{ uniqueId: letter.uniqueId, typeCode: '96349-6' }])
  expect(dmp.filed[0]!.bytes.equals(letter.cda)).toBe(true)
  expect(dmp.requests.filter(({ problems, soapFault }) => problems || soapFault)).toEqual([])
})

test('the receiving operator files nothing: the author did', async () => {
  const db = await stage.rows('beta')
  expect(await db.run({ sql: 'SELECT count(*) AS count FROM filing', parameters: [] })).toEqual([{ count: 0 }])
})
