import { readFileSync } from 'node:fs'
import SMTPConnection, { type SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection'
import { SMTPServer } from 'smtp-server'
import type { Issued, Pki } from './pki.ts'

/** Where the patients of the local trust space have their messages. */
export const PATIENT_DOMAIN = 'patient.mssante.example'

const HOST = `smtp.${PATIENT_DOMAIN}`

export interface ReceivedMail {
  from: string
  to: string[]
  message: Buffer
}

/** The other side of patients' messages: an operator that takes whatever it is handed, and says what it is told to say. */
export interface PatientSide {
  readonly port: number
  /** In the order of arrival. */
  readonly received: readonly ReceivedMail[]
  /** @returns the first mail that is as wanted, those that came before the call included */
  arrival(wanted: (mail: ReceivedMail) => boolean): Promise<ReceivedMail>
  /**
   * Hands a message to an operator, showing our certificate.
   * @param envelope.from empty for a report
   * @returns the reply that ended it: to DATA, or the refusal
   */
  send(operator: { port: number; servername: string }, envelope: { from: string; to: string }, eml: Buffer): Promise<string>
  close(): Promise<void>
}

/** @returns the certificate by which the white list knows the patients' operator */
export function issuePatientSide(pki: Pki, structure: string): Promise<Issued> {
  return pki.issue({ kind: 'server', commonName: HOST, organization: 'MON ESPACE FICTIF', structure })
}

/** Starts it on the loopback. It wants to see a certificate of the test authorities, like any operator. */
export async function startPatientSide(options: {
  pki: Pki
  issued: Issued
  anchors: readonly string[]
  port: number | undefined
}): Promise<PatientSide> {
  const { pki, issued } = options
  const identity = { key: issued.keyPem, cert: issued.certificatePem + (pki.authorities[1] ?? '') }
  const ca = options.anchors.map(file => readFileSync(file))
  const received: ReceivedMail[] = []
  const waiting = new Set<() => void>()
  const server = new SMTPServer({
    ...identity,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    name: HOST,
    banner: 'Mon espace (fictif)',
    size: 25 * 1024 * 1024,
    authOptional: true,
    disabledCommands: ['AUTH'],
    disableReverseLookup: true,
    logger: false,
    onMailFrom: (_, session, callback) => callback(session.secure ? null : new Error('Must issue a STARTTLS command first')),
    onData(stream, { envelope }, callback) {
      const chunks: Buffer[] = []
      stream.on('data', chunk => chunks.push(chunk))
      stream.on('end', () => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        received.push({ from, to: envelope.rcptTo.map(({ address }) => address), message: Buffer.concat(chunks) })
        callback(null, 'Taken')
        for (const look of waiting) look()
      })
    },
  })
  server.on('error', () => {}) // of one connection: the operator that made it tells
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    port: (server.server.address() as { port: number }).port,
    received,
    arrival: wanted =>
      new Promise(resolve => {
        const look = () => {
          const mail = received.find(wanted)
          if (!mail) return
          waiting.delete(look)
          resolve(mail)
        }
        waiting.add(look)
        look()
      }),
    send: (operator, envelope, eml) => handIn({ ...operator, tls: { ...identity, ca } }, envelope, eml),
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function handIn(
  { port, servername, tls }: { port: number; servername: string; tls: object },
  envelope: { from: string; to: string },
  eml: Buffer,
): Promise<string> {
  const smtp = new SMTPConnection({
    host: '127.0.0.1',
    port,
    name: HOST,
    requireTLS: true,
    tls: { ...tls, servername },
    logger: false,
    allowInternalNetworkInterfaces: true,
  })
  const done = new Promise<string>((resolve, reject) => {
    const refused = (error: Error & { response?: string | undefined }) => (error.response ? resolve(error.response) : reject(error))
    smtp.on('error', refused)
    smtp.connect(connectError => {
      if (connectError) return refused(connectError)
      smtp.send({ from: envelope.from, to: [envelope.to] }, eml, (error, sent) =>
        error ? refused(error) : resolve((sent as SMTPConnectionSendInfo).response),
      )
    })
  })
  return done.finally(() => smtp.quit())
}
