import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../../gateway/couriers/connection.ts'
import { openTrust, type Trust, WrongPeer } from '../../../gateway/trust.ts'
import { type Peer, startPeer } from '../../world/peer.ts'
import { type Doors, OURS, openDoors, spaceOf, THEIRS } from './door.ts'

/** The relay's own connection, towards an operator that resumes sessions. */
let doors: Doors
let peer: Peer
let isListed = true
let trust: Trust
beforeAll(async () => {
  doors = await openDoors()
  peer = await startPeer({ shows: { cert: doors.peer.certificatePem + doors.pki.authorities[1], key: doors.peer.keyPem } })
  const space = spaceOf({ [THEIRS]: doors.peer })
  trust = openTrust({
    anchors: doors.anchors,
    identity: () => doors.identity,
    space: { ...space, allows: (domain, name) => isListed && space.allows(domain, name) },
    contact: `postmaster@${OURS}`,
  })
})
afterAll(async () => {
  await peer.close()
  await doors[Symbol.asyncDispose]()
})

const come = async () => {
  const connection = await connect({ host: '127.0.0.1', port: peer.port }, THEIRS, { trust, hostname: `smtp.${OURS}` })
  connection.close()
  return connection.peer
}

test('a session is resumed, and the name of the peer is known all the same', async () => {
  const first = await come()
  expect(peer.resumed).toBe(0)
  expect(await come()).toBe(first)
  expect(peer.resumed).toBe(1)
})

test('a peer that has left the white list is told nothing on a session of before', async () => {
  isListed = false
  const greetings = () => peer.heard.secured.filter(line => line.startsWith('EHLO')).length
  const before = greetings()
  await expect(come()).rejects.toSatisfy(error => error instanceof WrongPeer || (error as Error).cause instanceof WrongPeer)
  expect(greetings()).toBe(before)
  isListed = true
  await come()
  expect(peer.resumed).toBe(1) // the session was forgotten
})

test('a peer that fails on a session of its own is come to once more without', async () => {
  const shows = { cert: doors.peer.certificatePem + doors.pki.authorities[1], key: doors.peer.keyPem }
  await using careless = await startPeer({ shows, sessionIdContext: '' })
  const to = { host: '127.0.0.1', port: careless.port }
  for (let count = 0; count < 3; count += 1) {
    const connection = await connect(to, THEIRS, { trust, hostname: `smtp.${OURS}` })
    connection.close()
  }
  expect(careless.shown).toHaveLength(3)
  expect(careless.resumed).toBe(0)
})
