import { describe, expect, test } from 'vitest'
import type { Dsn } from '../../../gateway/receipts/dsn-read.ts'
import { type Candidate, matchReport } from '../../../gateway/receipts/match.ts'
import type { Mdn } from '../../../gateway/receipts/mdn.ts'

const durand: Candidate = { messageId: 'm1', position: 0, address: 'dr.durand@b.test', envid: 'E1', headerMessageId: '<un@a.test>' }
const petit: Candidate = {
  messageId: 'm1',
  position: 1,
  address: 'dr.petit@c.test',
  envid: 'E1',
  orcpt: 'rfc822;Petit@Old.test',
  headerMessageId: '<un@a.test>',
}
const other: Candidate = { messageId: 'm2', position: 0, address: 'dr.durand@b.test', envid: 'E2', headerMessageId: '<un@a.test>' }
const plain: Candidate = { messageId: 'm3', position: 0, address: 'dr.durand@b.test', headerMessageId: '<trois@a.test>' }
const all = [durand, petit, other, plain]

const anyone = () => true
const dsn = (change: Partial<Dsn> & { final?: string; original?: string; action?: Dsn['recipients'][number]['action'] } = {}): Dsn => {
  const { final, original, action = 'delivered', ...rest } = change
  const recipient = { action, status: '2.1.5', ...(final === undefined ? {} : { final }), ...(original === undefined ? {} : { original }) }
  return { kind: 'dsn', recipients: [recipient], ...rest }
}
const mdn = (change: Partial<Mdn> = {}): Mdn => ({
  kind: 'mdn',
  originalMessageId: '<trois@a.test>',
  final: 'dr.durand@b.test',
  disposition: 'displayed',
  automatic: false,
  error: false,
  ...change,
})

describe('a delivery report', () => {
  test('is matched by ENVID and recipient', () => {
    expect(matchReport(dsn({ envid: 'E2', final: 'dr.durand@b.test' }), all, anyone)).toEqual({
      moves: [{ messageId: 'm2', position: 0, receipt: 'delivered', status: '2.1.5', detail: 'delivered' }],
      dropped: [],
    })
  })

  test('with another ENVID never moves a message of the same Message-ID', () => {
    const report = dsn({ envid: 'E9', headerMessageId: '<un@a.test>', final: 'dr.durand@b.test' })
    expect(matchReport(report, all, anyone)).toEqual({ moves: [], dropped: [{ index: 0, reason: 'message-unknown' }] })
  })

  test('is matched by Message-ID when either side has no ENVID', () => {
    const report = dsn({ headerMessageId: '<trois@a.test>', final: 'dr.durand@b.test' })
    expect(matchReport(report, all, anyone).moves.map(move => move.messageId)).toEqual(['m3'])
    expect(matchReport({ ...report, envid: 'made-up' }, all, anyone).moves.map(move => move.messageId)).toEqual(['m3'])
  })

  test('is matched by ORCPT where the address changed on the way', () => {
    const report = dsn({ envid: 'E1', original: 'petit@old.test', final: 'someone@else.test' })
    expect(matchReport(report, all, anyone).moves).toMatchObject([{ messageId: 'm1', position: 1 }])
  })

  test('about an original recipient that is not ours says nothing of the final one', () => {
    const report = dsn({ envid: 'E1', original: 'list@other.test', final: 'dr.durand@b.test' })
    expect(matchReport(report, all, anyone)).toEqual({ moves: [], dropped: [{ index: 0, reason: 'recipient-unknown' }] })
  })

  test('moves each recipient by itself', () => {
    const report: Dsn = {
      kind: 'dsn',
      envid: 'E1',
      recipients: [
        { final: 'dr.petit@c.test', action: 'failed', status: '5.2.2', diagnostic: '552 full', remoteMta: 'mx.c.test' },
        { final: 'nobody@c.test', action: 'failed', status: '5.1.1' },
        { final: 'dr.durand@b.test', action: 'delayed', status: '4.4.1' },
      ],
    }
    expect(matchReport(report, all, anyone)).toEqual({
      moves: [
        { messageId: 'm1', position: 1, receipt: 'failed', status: '5.2.2', detail: 'failed · mx.c.test · 552 full' },
        { messageId: 'm1', position: 0, receipt: 'delayed', status: '4.4.1', detail: 'delayed' },
      ],
      dropped: [{ index: 1, reason: 'recipient-unknown' }],
    })
  })

  test('nobody speaks for the users of another operator', () => {
    const report: Dsn = {
      kind: 'dsn',
      envid: 'E1',
      recipients: [
        { final: 'dr.durand@b.test', action: 'delivered', status: '2.0.0' },
        { final: 'dr.petit@c.test', action: 'delivered', status: '2.0.0' },
      ],
    }
    expect(matchReport(report, all, domain => domain === 'c.test')).toMatchObject({
      moves: [{ messageId: 'm1', position: 1 }],
      dropped: [{ index: 0, reason: 'may-not-speak' }],
    })
  })

  test('a box of ours speaks for itself, not for its neighbours', () => {
    const report = dsn({ envid: 'E1', final: 'dr.durand@b.test' })
    expect(matchReport(report, all, (_, address) => address === 'dr.durand@b.test').moves).toHaveLength(1)
    expect(matchReport(report, all, (_, address) => address === 'dr.roux@b.test').dropped).toEqual([{ index: 0, reason: 'may-not-speak' }])
  })

  test('an ORCPT does not lend the right to speak for its domain', () => {
    const report = dsn({ envid: 'E1', original: 'petit@old.test' })
    expect(matchReport(report, all, domain => domain === 'old.test').dropped).toEqual([{ index: 0, reason: 'may-not-speak' }])
  })

  test('without ENVID, without Message-ID or without recipient moves nothing', () => {
    for (const report of [dsn({ final: 'dr.durand@b.test' }), dsn({ envid: 'E1' })])
      expect(matchReport(report, all, anyone).moves).toEqual([])
  })

  test('the number of a patient in the words of a peer is hidden', () => {
    const patient: Candidate = { ...durand, address: '279035121518989@patient.mssante.fr' }
    const report: Dsn = {
      kind: 'dsn',
      envid: 'E1',
      recipients: [
        {
          final: patient.address,
          action: 'failed',
          status: '5.1.1',
          diagnostic: '550 <279035121518989@patient.mssante.fr> 2 79 03 51 215 189 unknown',
        },
      ],
    }
    expect(matchReport(report, [patient], anyone).moves).toMatchObject([{ detail: 'failed · 550 <***@patient.mssante.fr> *** unknown' }])
  })
})

describe('a disposition notification', () => {
  test.each([
    [{}, 'displayed', '', 'displayed'],
    [{ disposition: 'processed', automatic: true }, 'processed', '', 'processed, automatic'],
    [{ disposition: 'dispatched' }, 'processed', '', 'dispatched'],
    [{ disposition: 'deleted' }, 'deleted', '', 'deleted'],
    [{ disposition: 'denied' }, 'delivered', '', 'denied'],
    [{ disposition: 'processed', error: true, code: '902' }, 'rejected', '902', 'Le patient est inconnu du logiciel destinataire'],
    [{ disposition: 'processed', error: true }, 'rejected', '906', 'Autre erreur d’intégration'],
  ] as [Partial<Mdn>, string, string, string][])('%j', (change, receipt, status, detail) => {
    expect(matchReport(mdn(change), all, anyone).moves).toEqual([{ messageId: 'm3', position: 0, receipt, status, detail }])
  })

  test('is matched by the message it carries back when it does not name one', () => {
    const { originalMessageId: _, ...nameless } = mdn({ headerMessageId: '<trois@a.test>' })
    expect(matchReport(nameless, all, anyone).moves).toHaveLength(1)
    expect(matchReport({ ...nameless, originalMessageId: '<x@y>' }, all, anyone).dropped).toEqual([{ index: 0, reason: 'message-unknown' }])
  })

  test('of somebody else for this message moves nothing', () => {
    expect(matchReport(mdn({ final: 'dr.petit@c.test' }), all, anyone).dropped).toEqual([{ index: 0, reason: 'recipient-unknown' }])
    expect(matchReport(mdn(), all, () => false).dropped).toEqual([{ index: 0, reason: 'may-not-speak' }])
  })
})
