import { createIdentity } from '../../../crypto/index.ts'
import { Dialogue } from '../../support/dialogue.ts'
import { type Doors, OURS, openDoors, PATIENTS, PEER_BOX, THEIRS } from '../../unit/gateway/door.ts'
import { type CertificateRequest, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

const DAY = 86_400_000

/** A matricule INS of nobody. */
export const PATIENT = `299999999999934@${PATIENTS}`

/** The people of these tests: certificates of boxes and domains, their files for openssl. */
export type Name = 'domainRsa' | 'domainEc' | 'box' | 'author' | 'gateway' | 'colleague' | 'revoked' | 'expired' | 'signsOnly' | 'patient'

export interface Operator extends AsyncDisposable {
  doors: Doors
  people: Record<Name, IdentityPaths>
  /** Root and sub-authority, one file, for openssl. */
  authorities: string
  /** Hands a mail in as the other operator. @returns the reply to its end, and what was accepted */
  handIn(mail: Buffer, envelope?: { from?: string; to?: string }): Promise<{ reply: string; mail: string }>
}

/** An operator's doors in this process, with an encryption certificate of each kind, and the people of another operator who write to it. */
export async function openOperator(): Promise<Operator> {
  const people: Partial<Record<Name, IdentityPaths>> = {}
  const issuedOf: Partial<Record<Name, Issued>> = {}
  let authorities = ''

  async function prepare(pki: Pki, folder: string): Promise<void> {
    const past = { notBefore: new Date(Date.now() - 30 * DAY), notAfter: new Date(Date.now() - DAY) }
    const wanted: Record<Name, Partial<CertificateRequest>> = {
      domainRsa: { key: 'rsa', emails: [`domain-confidentiality-authority@${OURS}`] },
      domainEc: { emails: [`domain-confidentiality-authority@${OURS}`] },
      box: { emails: [`dr.fictif@${OURS}`] },
      author: { emails: [PEER_BOX] },
      gateway: { emails: [`domain-signing-authority@${THEIRS}`, `domain-confidentiality-authority@${THEIRS}`] },
      colleague: { emails: [`autre.encore@${THEIRS}`] },
      revoked: { emails: [PEER_BOX] },
      expired: { emails: [PEER_BOX], ...past },
      patient: { emails: [PATIENT, `domain-confidentiality-authority@${PATIENTS}`] },
      signsOnly: { kind: 'signature', emails: [`ne.chiffre.pas@${THEIRS}`] },
    }
    for (const [name, request] of Object.entries(wanted) as [Name, Partial<CertificateRequest>][]) {
      const issued = await pki.issue({
        kind: 'mail',
        key: 'ec',
        organization: 'FICTIF',
        structure: '1759999029',
        commonName: name,
        ...request,
      })
      issuedOf[name] = issued
      people[name] = await writeIdentity(folder, name, issued, pki)
    }
    pki.revoke(issuedOf.revoked!)
    const paths = await pki.write(folder)
    authorities = paths.anchors.join('\n')
  }

  const doors = await openDoors({
    prepare,
    alsoTheirs: [PATIENTS],
    encryption: async () =>
      [issuedOf.domainRsa!, issuedOf.domainEc!].map(({ certificatePem, keyPem }) => createIdentity({ certificatePem, keyPem })),
  })
  return {
    doors,
    people: people as Record<Name, IdentityPaths>,
    authorities,
    async handIn(mail, { from = PEER_BOX, to = `dr.fictif@${OURS}` } = {}) {
      const dialogue = await Dialogue.open(doors.port('reception'))
      await dialogue.reply()
      await dialogue.say('STARTTLS')
      await dialogue.secure(doors.showing(doors.peer))
      await dialogue.say(`EHLO smtp.${THEIRS}`)
      await dialogue.say(`MAIL FROM:<${from}>`)
      await dialogue.say(`RCPT TO:<${to}>`)
      await dialogue.say('DATA')
      await dialogue.write(Buffer.from(mail.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1'))
      await dialogue.write('.\r\n')
      const reply = await dialogue.reply()
      await dialogue.quit()
      return { reply, mail: reply.startsWith('250') ? ((await doors.accepted()).at(-1) ?? '') : '' }
    },
    [Symbol.asyncDispose]: () => doors[Symbol.asyncDispose](),
  }
}
