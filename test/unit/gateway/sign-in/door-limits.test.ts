import { afterAll, beforeAll, expect, test } from 'vitest'
import { CONNECTIONS_PER_NETWORK, MESSAGES } from '../../../../gateway/sign-in/limits.ts'
import { authPlain, Dialogue } from '../../../support/dialogue.ts'
import { until } from '../../../support/until.ts'
import { BOX, type Doors, openDoors, PASSWORD } from '../door.ts'

let doors: Doors
beforeAll(async () => {
  doors = await openDoors()
})
afterAll(() => doors[Symbol.asyncDispose]())

const REFUSED = '421 4.7.0 Too many connections from your network, try again later'

test.each(['submission', 'reception'] as const)(
  '%s: one network can not take all the places, and gets back those that it leaves',
  async door => {
    const open = () => Dialogue.open(doors.port(door))
    const held = await Promise.all(Array.from({ length: CONNECTIONS_PER_NETWORK }, open))
    for (const dialogue of held) expect(await dialogue.reply()).toMatch(/^220 /)
    const refused = await open()
    expect(await refused.reply()).toBe(REFUSED)
    expect(await refused.closed()).toBe('')
    await held[0]?.quit()
    await until('a place', async () => {
      const dialogue = await open()
      const reply = await dialogue.reply()
      dialogue.cut()
      return reply.startsWith('220 ')
    })
    for (const dialogue of held) dialogue.cut()
  },
)

test.each(['submission', 'submissions', 'reception'] as const)('%s: gets back the place of a connection that spoke TLS', async door => {
  const isTlsFirst = door === 'submissions'
  const connect = async (index: number) => {
    const dialogue = await until(`place ${index}`, () =>
      Dialogue.open(doors.port(door), isTlsFirst ? doors.showing() : undefined).catch(() => undefined),
    )
    expect(await dialogue.reply(), `connection ${index}`).toMatch(/^220 /)
    await dialogue.say('EHLO practice.example')
    if (!isTlsFirst) {
      await dialogue.say('STARTTLS')
      await dialogue.secure(doors.showing())
    }
    if (index % 2) dialogue.cut()
    else await dialogue.quit()
  }
  for (let index = 0; index < CONNECTIONS_PER_NETWORK + 10; index += 10)
    await Promise.all(Array.from({ length: 10 }, (_, each) => connect(index + each)))
})

test('submissions: where TLS comes first, the connection is cut', async () => {
  const open = () => Dialogue.open(doors.port('submissions'), doors.showing())
  const held = await Promise.all(Array.from({ length: CONNECTIONS_PER_NETWORK }, open))
  await expect(open()).rejects.toThrow()
  for (const dialogue of held) dialogue.cut()
})

test('a box that sends without end is told to wait, and the connection stays', async () => {
  const dialogue = await until('a place', () => Dialogue.open(doors.port('submissions'), doors.showing()).catch(() => undefined))
  await dialogue.reply()
  await dialogue.say('EHLO practice.example')
  expect(await dialogue.say(authPlain({ address: BOX, password: PASSWORD }))).toMatch(/^235 /)
  for (let count = 0; count < MESSAGES.PER.most; count += 1) {
    expect(await dialogue.say(`MAIL FROM:<${BOX}>`)).toMatch(/^250 /)
    expect(await dialogue.say('RSET')).toMatch(/^250 /) // a transaction that comes to nothing
  }
  for (let count = 0; count < MESSAGES.PER.most; count += 1) {
    for (const command of [`MAIL FROM:<${BOX}>`, `RCPT TO:<${BOX}>`]) expect(await dialogue.say(command)).toMatch(/^250 /)
    expect(await dialogue.say('DATA')).toMatch(/^354 /)
    expect(await dialogue.say(`From: <${BOX}>\r\n\r\na\r\n.`)).toMatch(/^250 /)
  }
  const reply = await dialogue.say(`MAIL FROM:<${BOX}>`)
  expect(reply).toMatch(/^451 4\.7\.1 This mailbox sends too many messages, send the others later: wait \d+ seconds?$/)
  expect(await dialogue.say('NOOP')).toMatch(/^250 /)
  dialogue.cut()
})
