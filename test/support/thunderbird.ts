import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IdentityPaths } from '../world/pki.ts'
import { Marionette } from './marionette.ts'
import { tool } from './tools.ts'
import { until } from './until.ts'

/** What its reader sees of one message, and what it says of its protection (`nsICMSMessageErrors`: 0 is right, -1 is none). */
export interface Shown {
  subject: string
  body: string
  encryption: number
  signature: number
  /** The icons beside the header: `ok`, `mismatch`, … */
  encryptionIcon: string | undefined
  signatureIcon: string | undefined
  /** Names of the files. */
  attachments: string[]
  /** Subject of the certificate that signed. */
  signer: string | undefined
}

/** Whose mail is in its local folder, and what it trusts. */
export interface ThunderbirdSetup {
  /** PEM; a root is trusted for mail */
  authorities: readonly string[]
  owners: Readonly<Record<string, IdentityPaths>>
  /** Whole messages with a Message-ID each. */
  mails: readonly Buffer[]
}

/** A Thunderbird that works offline on one local folder, with an X server of its own. */
export interface Thunderbird extends AsyncDisposable {
  /** Selects a message as a click does. @returns what is shown once its signatures have been judged */
  show(messageId: string): Promise<Shown>
  /** Writes a message, signed and encrypted as its composer does, by one of the owners. @returns what would leave */
  compose(mail: { from: string; to: string; subject: string; body: string }): Promise<Buffer>
  /** @returns a PNG of its window */
  screenshot(): Promise<Buffer>
}

const FOLDER = 'Interop'
const LOCAL = 'Mail/Local Folders'

/** No account but a local folder, no first steps, no network, no indexing in the background. */
const PREFERENCES = {
  'mail.accountmanager.accounts': 'account1',
  'mail.accountmanager.localfoldersserver': 'server1',
  'mail.account.account1.server': 'server1',
  'mail.server.server1.type': 'none',
  'mail.server.server1.hostname': 'Local Folders',
  'mail.server.server1.userName': 'nobody',
  'mail.server.server1.name': 'Local Folders',
  'mail.server.server1.directory-rel': `[ProfD]${LOCAL}`,
  'mail.provider.suppress_dialog_on_startup': true,
  'mail.rights.version': 1,
  'mail.shell.checkDefaultClient': false,
  'mail.spotlight.firstRunDone': true,
  'mailnews.start_page.enabled': false,
  'mailnews.database.global.indexer.enabled': false,
  'datareporting.policy.bypassNotification': true,
  'datareporting.healthreport.uploadEnabled': false,
  'toolkit.telemetry.enabled': false,
  'extensions.update.enabled': false,
  'offline.startup_state': 3,
  'network.manage-offline-status': false,
  'security.OCSP.enabled': 0, // the certificates of the test PKI name no responder
  'marionette.port': 0,
}

/** Starts it, which takes some seconds, and opens the folder. */
export async function startThunderbird(setup: ThunderbirdSetup): Promise<Thunderbird> {
  const home = await mkdtemp(join(tmpdir(), 'pli-thunderbird-'))
  const profile = join(home, 'profile')
  await writeProfile(profile, setup)
  const screen = spawn(tool('Xvfb'), ['-displayfd', '3', '-screen', '0', '1200x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const [display] = await once(screen.stdio[3]!, 'data')
  const args = ['--marionette', '-remote-allow-system-access', '--no-remote', '--profile', profile]
  const env = { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: `:${String(display).trim()}`, LANG: 'C.UTF-8' }
  const log = join(home, 'thunderbird.log')
  const words = openSync(log, 'a')
  const program = spawn(tool('thunderbird'), args, { env, stdio: ['ignore', words, words] })
  closeSync(words)
  const portFile = join(profile, 'MarionetteActivePort')
  const port = await until('Thunderbird listens', () => existsSync(portFile) && Number(readFileSync(portFile, 'latin1'))).catch(error => {
    throw new Error([error.message, ...readFileSync(log, 'utf8').trimEnd().split('\n').slice(-10)].join('\n'))
  })
  const marionette = await Marionette.connect(port)
  await until('the folder is open', () => marionette.run<boolean>(OPEN_FOLDER, FOLDER, setup.mails.length))
  return {
    async show(messageId) {
      await marionette.run(SELECT, FOLDER, messageId)
      return until('the message is shown', async () => (await marionette.run<Shown | null>(LOOK, messageId)) ?? undefined)
    },
    compose: async mail => Buffer.from(await marionette.run<string>(COMPOSE, mail), 'base64'),
    screenshot: async () => Buffer.from((await marionette.command('WebDriver:TakeScreenshot', { full: false })).value as string, 'base64'),
    async [Symbol.asyncDispose]() {
      await marionette.command('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => undefined)
      marionette.close()
      await ended(program)
      screen.kill()
      await ended(screen)
      await rm(home, { recursive: true })
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function writeProfile(profile: string, { authorities, owners, mails }: ThunderbirdSetup): Promise<void> {
  await mkdir(join(profile, LOCAL), { recursive: true })
  const nss = (command: string, ...args: string[]) => execFileSync(tool(command), [...args, '-d', `sql:${profile}`], { stdio: 'pipe' })
  nss('certutil', '-N', '--empty-password')
  for (const [index, pem] of authorities.entries()) {
    const file = join(profile, `authority${index}.pem`)
    await writeFile(file, pem)
    nss('certutil', '-A', '-n', `authority ${index}`, '-t', isRoot(pem) ? ',C,' : ',,', '-a', '-i', file)
  }
  for (const [name, { certificate, key }] of Object.entries(owners)) {
    const file = join(profile, `${name}.p12`)
    const args = ['pkcs12', '-export', '-in', certificate, '-inkey', key, '-name', name, '-out', file, '-passout', 'pass:test']
    execFileSync(tool('openssl'), args, { stdio: 'pipe' })
    nss('pk12util', '-i', file, '-W', 'test', '-K', '')
  }
  await writeFile(join(profile, LOCAL, FOLDER), mbox(mails))
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`)
  await writeFile(join(profile, 'user.js'), lines.join('\n'))
}

function isRoot(pem: string): boolean {
  const { subject, issuer } = new X509Certificate(pem)
  return subject === issuer
}

function mbox(mails: readonly Buffer[]): Buffer {
  const texts = mails.map(mail =>
    mail
      .toString('latin1')
      .replaceAll('\r\n', '\n')
      .replace(/^(?=>*From )/gm, '>'),
  )
  return Buffer.from(texts.map(text => `From - Sun Nov 22 09:00:00 2026\n${text}\n`).join(''), 'latin1')
}

/** What the scripts below have in common. */
const WINDOW = `
  const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs')
  const { gTabmail } = Services.wm.getMostRecentWindow('mail:3pane')
  const folder = name => MailServices.accounts.localFoldersServer.rootFolder.getChildNamed(name)
  const pane = gTabmail?.currentAbout3Pane
`

const OPEN_FOLDER = `${WINDOW}
  if (pane?.document.readyState !== 'complete') return false
  const [name, count] = args
  if (pane.gFolder?.URI !== folder(name).URI) pane.displayFolder(folder(name).URI)
  return pane.gDBView?.rowCount === count
`

const SELECT = `${WINDOW}
  const [name, id] = args
  const view = pane.messageBrowser.contentWindow
  if (view.gMessage?.messageId === id) return
  view.gSmimeMsgLoadedFired = false // of the message before
  pane.threadTree.selectedIndex = pane.gDBView.findIndexOfMsgHdr(folder(name).msgDatabase.getMsgHdrForMessageID(id), true)
`

/** Null until the message is there, and every signature that its MIME code began to judge. */
const LOOK = `${WINDOW}
  const view = pane.messageBrowser.contentWindow
  const content = view.getMessagePaneBrowser().contentDocument
  const isProtected = view.gEncryptionStatusForURI !== null || view.gExpectedSignatureCount > 0
  if (view.gMessage?.messageId !== args[0] || !view.gSmimeMsgLoadedFired || !content?.body) return null
  if (isProtected && !view.gSmimeProcessedDispatched) return null
  const icon = id => view.document.getElementById(id).getAttribute('src')?.match(/-(\\w+)\\.svg$/)[1]
  return {
    subject: view.document.getElementById('expandedsubjectBox').value.textContent,
    body: content.body.textContent,
    encryption: view.gEncryptionStatus,
    signature: view.gSignatureStatus,
    encryptionIcon: icon('encryptedHdrIcon'),
    signatureIcon: icon('signedHdrIcon'),
    signer: view.gSignerCert?.subjectName,
    attachments: view.currentAttachments.map(each => each.name),
  }
`

/** By the code behind its composer's window, up to the file that it would send. */
const COMPOSE = `${WINDOW}
  const { MimeMessage } = ChromeUtils.importESModule('resource:///modules/MimeMessage.sys.mjs')
  const [{ from, to, subject, body }] = args
  const create = (id, kind) => Cc['@mozilla.org/messengercompose/' + id + ';1'].createInstance(kind)
  const identity = MailServices.accounts.createIdentity()
  identity.email = from
  const certificates = Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB).getCerts()
  const own = certificates.find(certificate => certificate.containsEmailAddress(from))
  for (const use of ['signing', 'encryption']) {
    identity.setUnicharAttribute(use + '_cert_name', own.displayName)
    identity.setCharAttribute(use + '_cert_dbkey', own.dbKey)
  }
  const fields = create('composefields', Ci.nsIMsgCompFields)
  Object.assign(fields, { from, to, subject, body })
  fields.composeSecure = create('composesecure', Ci.nsIMsgComposeSecure)
  Object.assign(fields.composeSecure, { signMessage: true, requireEncryptMessage: true })
  const found = await new Promise(resolve =>
    fields.composeSecure.asyncFindCertByEmailAddr(to, { findCertDone: (_, certificate) => resolve(certificate) }))
  fields.composeSecure.cacheValidCertForEmail(to, found.dbKey)
  const report = create('sendreport', Ci.nsIMsgSendReport)
  const message = new MimeMessage(identity, fields, null, 'text/plain', body, Ci.nsIMsgSend.nsMsgDeliverNow, '', 0, [], report)
  const file = await message.createMessageFile()
  const octets = await IOUtils.read(file.path)
  await IOUtils.remove(file.path)
  return btoa(String.fromCharCode(...octets))
`
