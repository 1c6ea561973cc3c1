import { readFileSync } from 'node:fs'
import SMTPConnection, { type SMTPConnectionSendInfo, type SMTPEnvelope } from 'nodemailer/lib/smtp-connection'

export interface SubmissionServer {
  port: number
  /** Files of the authorities to trust. */
  ca: readonly string[]
  servername: string
  account: { address: string; password: string }
}

/** Submits a message as a mail client does: STARTTLS, AUTH, MAIL, RCPT, DATA. @returns our id of the message, from the reply */
export async function submit(
  server: SubmissionServer,
  to: readonly string[],
  eml: Buffer,
  envelope: Partial<SMTPEnvelope> = {},
): Promise<string> {
  const { port, ca, servername, account } = server
  const smtp = new SMTPConnection({
    host: '127.0.0.1',
    port,
    requireTLS: true,
    tls: { ca: ca.map(file => readFileSync(file)), servername },
    logger: false,
    allowInternalNetworkInterfaces: true,
  })
  try {
    const info = await new Promise<SMTPConnectionSendInfo>((resolve, reject) => {
      smtp.on('error', reject)
      smtp.connect(connectError => {
        if (connectError) return reject(connectError)
        smtp.login({ credentials: { user: account.address, pass: account.password } } as never, loginError => {
          if (loginError) return reject(loginError)
          smtp.send({ from: account.address, to: [...to], ...envelope }, eml, (error, sent) =>
            error ? reject(error) : resolve(sent as SMTPConnectionSendInfo),
          )
        })
      })
    })
    return /Accepted as (\S+)/.exec(info.response)?.[1] ?? ''
  } finally {
    smtp.quit()
  }
}
