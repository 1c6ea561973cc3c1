import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { loadAnchors } from '../../../crypto/index.ts'
import type { Bal } from '../../../directory/index.ts'
import { CONTENT_LIMITS } from '../../../gateway/content-guard.ts'
import { receiverOf, receiversAmong } from '../../../gateway/filing/index.ts'
import { type IntakeOptions, openIntake } from '../../../gateway/intake.ts'
import { openOpening } from '../../../gateway/opening/index.ts'
import { buildLetter, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { openSpoolWorld } from './spool-world.ts'

const OURS = '1750000000'
const box = (address: string, structures: string[]) => ({ address, type: 'PER', structures, declaredAt: 1 }) as unknown as Bal
const BOXES = [box('a@b.mssante.test', ['1999999999']), box('c@b.mssante.test', [OURS])]
const find = async (address: string) => BOXES.find(each => each.address === address)

type Asked = Parameters<IntakeOptions<Bal>['filingRows']>[0]

/** @returns what the filing side was asked about a letter with a document that another operator hands in */
async function handIn(receivers: IntakeOptions<Bal>['receivers'], recipients: string[]): Promise<Asked[]> {
  await using world = await openSpoolWorld()
  const asked: Asked[] = []
  const now = () => world.now
  let count = 0
  const intake = openIntake<Bal>({
    spool: world.spool,
    opening: openOpening({ identities: () => [], anchors: loadAnchors({ anchors: [], crls: [] }), most: CONTENT_LIMITS.size, now }),
    learn: async () => {},
    limits: { submission: CONTENT_LIMITS, reception: CONTENT_LIMITS },
    checkHeader: async () =>
      ({ box: undefined, facts: { from: 'x@a.mssante.test', messageId: '<m@a>', hasDate: true, report: null } }) as never,
    hostname: 'smtp.b.mssante.test',
    now,
    filingRows: message => {
      asked.push(message)
      return []
    },
    receivers,
    patients: { isPatient: () => false, rowsFor: () => [], linesFor: () => [], messageBytes: CONTENT_LIMITS.size },
    mayBeAnswered: async () => false,
    hasRoom: () => false,
    onAccepted: () => {},
  })
  const newId = () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`
  const from = 'x@a.mssante.test'
  const { eml } = await buildLetter({ from, to: recipients, author: sampleAuthor, patient: samplePatient, now: new Date(now()), newId })
  const to = recipients.map(address => ({ address, domain: 'b.mssante.test', decision: { source: 'own' } }))
  const trace = { from: { helo: 'smtp.a.mssante.test', address: '127.0.0.1' }, protocol: 'ESMTPS', tls: 'TLSv1.3' }
  await intake({ sender: from, peer: 'OU=x', utf8: false, recipients: to, trace } as never, Readable.from([eml]))
  return asked
}

test('nothing of a received letter is looked into where reception is off', async () => {
  expect(await handIn(undefined, ['c@b.mssante.test'])).toEqual([])
})

test('where it is on, our boxes that received it may file: those of our structures first, and no box of another operator', async () => {
  const receivers = receiversAmong(find, { structure: OURS, sites: [] })
  const [asked] = await handIn(receivers, ['a@b.mssante.test', 'c@b.mssante.test', 'd@c.mssante.test'])
  expect(asked).toMatchObject({ received: true, boxes: [BOXES[1], BOXES[0]] })
  expect(await handIn(receivers, ['d@c.mssante.test'])).toEqual([])
})

test('the bridge hears of each box that it received, and of no person to wrap for', () => {
  const [of, ...others] = BOXES as [Bal, ...Bal[]]
  const sender = receiverOf([of, ...others])
  expect(sender).toEqual({
    ...{ address: 'a@b.mssante.test', structures: ['1999999999'], declared: true, mode: 'reception' },
    others: [{ address: 'c@b.mssante.test', structures: [OURS], declared: true, mode: 'reception' }],
  })
})
