import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  decrypt,
  type EncryptOptions,
  encrypt,
  type Signing,
  signDetached,
  signOpaque,
  verifyDetached,
  verifyOpaque,
} from '../../crypto/cms/index.ts'
import { collect, type Source } from '../../crypto/cms/source.ts'
import { openMail, protectMail } from '../../crypto/index.ts'
import { has, tool } from '../support/tools.ts'
import { type CmsWorld, createCmsWorld, type KeyName } from '../unit/crypto/cms-people.ts'

const now = new Date()
const letter = Buffer.from(`Content-Type: text/plain\r\n\r\n${'A line of the letter.\r\n'.repeat(200)}`)
const MOST = 64 * 1024 * 1024

let world: CmsWorld
const file = (name: string) => join(world.folder, name)
const trust = () => ({ anchors: world.anchors, at: now })
const whole = (source: Source) => collect(source, MOST)
const identities = () => Object.values(world.people).map(({ identity }) => identity)
const everyone = () => Object.values(world.people).map(({ issued }) => issued.certificatePem)

beforeAll(async () => {
  world = await createCmsWorld(now)
  await writeFile(file('letter'), letter)
  await writeFile(file('anchors'), [...world.pki.authorities, ...world.pki.crls()].join('\n'))
})
afterEach(({ task }) => {
  const direction = DIRECTIONS[task.suite?.name ?? '']
  if (!direction) return
  const row = task.name.replace(/^'|'|, streamed as BER$/g, '')
  outcomes.set(row, { ...outcomes.get(row), [direction]: task.result?.state === 'fail' ? 'no' : 'yes' })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  if (process.env.PLI_REPORT) await writeFile(process.env.PLI_REPORT, table())
})

/** Which way a test goes; only cases that are tried both ways make rows of the table. */
const DIRECTIONS: Record<string, 'out' | 'in'> = {
  'openssl cms verifies what we sign': 'out',
  'we verify what openssl cms signs': 'in',
  'openssl cms opens what we encrypt': 'out',
  'we open what openssl cms encrypts': 'in',
}
const outcomes = new Map<string, { out?: string; in?: string }>()

function table(): string {
  const rows = [...outcomes].filter(([, ways]) => ways.out && ways.in).map(([name, ways]) => `| ${name} | ${ways.out} | ${ways.in} |\n`)
  return `| | ours, read by openssl | of openssl, read by us |\n|---|---|---|\n${rows.join('')}`
}

function openssl(...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(tool('openssl'), ['cms', ...args], { encoding: 'utf8' })
  return { status, stderr }
}

/** What `openssl cms` makes, DER, or BER with `-stream`. */
async function made(...args: string[]): Promise<Buffer> {
  const result = openssl(...args, '-in', file('letter'), '-binary', '-outform', 'DER', '-out', file('made'))
  expect(result).toEqual({ status: 0, stderr: expect.any(String) })
  return readFile(file('made'))
}

/** What `openssl cms` reads, or why it does not. */
async function readBack(cms: Buffer, ...args: string[]): Promise<Buffer> {
  await writeFile(file('ours'), cms)
  const result = openssl(...args, '-inform', 'DER', '-in', file('ours'), '-binary', '-out', file('read'))
  expect(result).toEqual({ status: 0, stderr: expect.any(String) })
  return readFile(file('read'))
}

const anchorArgs = () => ['-CAfile', file('anchors'), '-crl_check_all']

/** Kinds of signature: the key, how we ask for it, how openssl is asked. */
const SIGNATURES: [string, KeyName, Partial<Signing>, string[]][] = [
  ['RSA PKCS#1 v1.5 with SHA-256', 'rsa', {}, ['-md', 'sha256']],
  ['RSA PKCS#1 v1.5 with SHA-512', 'rsa', { hash: 'sha512' }, ['-md', 'sha512']],
  ['RSA PSS with SHA-256', 'rsa', { scheme: 'pss' }, ['-md', 'sha256', '-keyopt', 'rsa_padding_mode:pss']],
  [
    'RSA PSS with SHA-384 and a salt of 48 octets',
    'rsa',
    { scheme: 'pss', hash: 'sha384' },
    ['-md', 'sha384', '-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:48'],
  ],
  ['ECDSA P-256', 'ec', {}, ['-md', 'sha256']],
  ['ECDSA P-384', 'ec384', {}, ['-md', 'sha384']],
]

describe.skipIf(!has('openssl'))('openssl cms verifies what we sign', () => {
  test.each(SIGNATURES)('%s, detached', async (_, key, how) => {
    const signature = await signDetached(letter, { by: [{ identity: world.people[key].identity, ...how }], at: now })
    expect(await readBack(signature, '-verify', '-content', file('letter'), ...anchorArgs())).toEqual(letter)
  })

  test.each(SIGNATURES)('%s, opaque', async (_, key, how) => {
    const signed = await whole(signOpaque(letter, { by: [{ identity: world.people[key].identity, ...how }], at: now }))
    expect(await readBack(signed, '-verify', ...anchorArgs())).toEqual(letter)
  })

  test('by three signers', async () => {
    const by = identities().map(identity => ({ identity }))
    const signature = await signDetached(letter, { by, at: now })
    expect(await readBack(signature, '-verify', '-content', file('letter'), ...anchorArgs())).toEqual(letter)
  })
})

describe.skipIf(!has('openssl'))('we verify what openssl cms signs', () => {
  const signerArgs = (key: KeyName) => {
    const { certificate, key: keyFile } = world.people[key].paths
    return ['-signer', certificate, '-inkey', keyFile]
  }

  test.each(SIGNATURES)('%s, detached', async (_, key, __, args) => {
    const signature = await made('-sign', ...signerArgs(key), ...args)
    const { signers } = await verifyDetached(signature, letter, trust())
    expect(signers).toMatchObject([{ emails: [`${key}@a.mssante.test`] }])
  })

  test.each(SIGNATURES)('%s, opaque, streamed as BER', async (_, key, __, args) => {
    const isPss = args.includes('rsa_padding_mode:pss') // OpenSSL 3.0 cannot stream those: it fails with "illegal zero content"
    const signed = await made('-sign', '-nodetach', ...(isPss ? [] : ['-stream']), ...signerArgs(key), ...args)
    if (!isPss) expect(signed.subarray(0, 2)).toEqual(Buffer.from([0x30, 0x80]))
    expect(await verifyOpaque(signed, trust())).toMatchObject({ content: letter })
  })

  test.each<[string, string[]]>([
    ['opaque, DER', ['-nodetach']],
    ['naming the signer by his key identifier', ['-nodetach', '-keyid']],
    ['with the certificate bound to the signature', ['-nodetach', '-cades']],
  ])('%s', async (_, args) => {
    const signed = await made('-sign', ...args, ...signerArgs('rsa'))
    expect(await verifyOpaque(signed, trust())).toMatchObject({ content: letter, signers: [{ scheme: 'pkcs1' }] })
  })

  test('by several signers, RSA and EC', async () => {
    const signature = await made('-sign', ...signerArgs('rsa'), ...signerArgs('ec'), ...signerArgs('ec384'))
    expect((await verifyDetached(signature, letter, trust())).signers).toHaveLength(3)
  })

  test.each<[string, string[], string]>([
    ['with SHA-1', ['-md', 'sha1'], 'weak'],
    ['with SHA-224', ['-md', 'sha224'], 'weak'],
    ['without signed attributes', ['-noattr'], 'unsupported'],
    ['without his certificate', ['-nocerts'], 'signer'],
  ])('but refuse one %s', async (_, args, reason) => {
    const signature = await made('-sign', ...signerArgs('rsa'), ...args)
    await expect(verifyDetached(signature, letter, trust())).rejects.toMatchObject({ name: 'CmsFault', reason })
  })

  test('but refuse a revoked signer', async () => {
    const { paths, issued } = await world.person('revoked')
    const signature = await made('-sign', '-signer', paths.certificate, '-inkey', paths.key)
    await expect(verifyDetached(signature, letter, trust())).resolves.toBeDefined()
    world.pki.revoke(issued)
    await world.pki.write(world.folder)
    world.anchors.reload()
    await expect(verifyDetached(signature, letter, trust())).rejects.toMatchObject({ reason: 'signer', verdict: 'revoked' })
  })
})

/** Kinds of encryption: the key, how we ask for it, how openssl is asked. */
const OAEP = ['-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha256']
const KDF = (hash: string) => ['-keyopt', `ecdh_kdf_md:${hash}`]
const TRANSPORTS: [string, KeyName, Partial<EncryptOptions>, string[]][] = [
  ['RSA PKCS#1 v1.5', 'rsa', { rsa: 'pkcs1' }, []],
  ['RSA OAEP', 'rsa', { rsa: 'oaep' }, OAEP],
  ['ECDH P-256', 'ec', {}, [...KDF('sha256'), '-aes256-wrap']],
  ['ECDH P-384', 'ec384', {}, [...KDF('sha384'), '-aes256-wrap']],
]
const CIPHERS = ['aes-128-cbc', 'aes-256-cbc', 'aes-128-gcm', 'aes-256-gcm'] as const
const ENCRYPTIONS = TRANSPORTS.flatMap(([name, key, how, args]) => CIPHERS.map(cipher => [name, cipher, key, how, args] as const))

describe.skipIf(!has('openssl'))('openssl cms opens what we encrypt', () => {
  test.each(ENCRYPTIONS)('%s with %s', async (_, cipher, key, how) => {
    const { issued, paths } = world.people[key]
    const sealed = await whole(encrypt(letter, { to: [issued.certificatePem], profile: 'gateway', cipher, ...how, ...trust() }))
    expect(await readBack(sealed, '-decrypt', '-recip', paths.certificate, '-inkey', paths.key)).toEqual(letter)
  })

  test.each(['mail-client', 'gateway'] as const)('to many recipients, for each of them: %s', async profile => {
    const to = [...everyone(), ...Array.from({ length: 20 }, () => world.people.rsa.issued.certificatePem)]
    const sealed = await whole(encrypt(letter, { to, profile, ...trust() }))
    for (const { paths } of Object.values(world.people))
      expect(await readBack(sealed, '-decrypt', '-recip', paths.certificate, '-inkey', paths.key)).toEqual(letter)
  })

  test('of several megabytes, in pieces as they come', async () => {
    const pieces = Array.from({ length: 500 }, (_, index) => randomBytes(index * 37))
    const { issued, paths } = world.people.rsa
    const sealed = await whole(encrypt(pieces, { to: [issued.certificatePem], profile: 'gateway', ...trust() }))
    const read = await readBack(sealed, '-decrypt', '-recip', paths.certificate, '-inkey', paths.key)
    expect(read.equals(Buffer.concat(pieces))).toBe(true)
  })
})

describe.skipIf(!has('openssl'))('we open what openssl cms encrypts', () => {
  test.each(ENCRYPTIONS)('%s with %s', async (_, cipher, key, __, args) => {
    const { certificate } = world.people[key].paths
    for (const form of [[], ['-stream'], ['-keyid']]) {
      const sealed = await made('-encrypt', `-${cipher}`, '-recip', certificate, ...args, ...form)
      const opened = await decrypt(sealed, { identities: identities() })
      expect(opened).toMatchObject({ content: letter, cipher, isAuthenticated: cipher.endsWith('gcm') })
      expect(opened.identity).toBe(world.people[key].identity)
    }
  })

  test('to many recipients, with the key of each', async () => {
    const { rsa, ec, ec384 } = world.people
    const stranger = await world.person('stranger')
    const args = [rsa, ec, ec384].flatMap(({ paths }, index) => ['-recip', paths.certificate, ...(index ? KDF('sha256') : [])])
    const sealed = await made('-encrypt', '-aes-256-gcm', '-stream', '-recip', stranger.paths.certificate, ...args)
    for (const { identity } of [rsa, ec, ec384])
      expect(await decrypt(sealed, { identities: [identity] })).toMatchObject({ content: letter })
  })

  test('of several megabytes, streamed as BER, read in small pieces', async () => {
    const large = randomBytes(5_000_000)
    await writeFile(file('large'), large)
    openssl(
      '-encrypt',
      '-stream',
      '-binary',
      '-aes-256-cbc',
      '-in',
      file('large'),
      '-outform',
      'DER',
      '-out',
      file('sealed'),
      world.people.rsa.paths.certificate,
    )
    const sealed = await readFile(file('sealed'))
    const pieces = Array.from({ length: Math.ceil(sealed.length / 1009) }, (_, index) => sealed.subarray(index * 1009, (index + 1) * 1009))
    expect((await decrypt(pieces, { identities: identities() })).content.equals(large)).toBe(true)
  })

  test.each<[string, KeyName, string[], string]>([
    ['Triple DES', 'rsa', ['-des3'], 'weak'],
    ['RSA OAEP with SHA-1', 'rsa', ['-aes-256-cbc', '-keyopt', 'rsa_padding_mode:oaep'], 'weak'],
    ['ECDH with SHA-1', 'ec', ['-aes-256-cbc'], 'weak'],
    ['ECDH with a Triple DES key wrap', 'ec', ['-aes-256-cbc', ...KDF('sha256'), '-des3-wrap'], 'weak'],
    ['OAEP with two hashes', 'rsa', ['-aes-256-cbc', ...OAEP, '-keyopt', 'rsa_mgf1_md:sha512'], 'unsupported'],
  ])('but refuse %s', async (_, key, args, reason) => {
    const { certificate } = world.people[key].paths
    const keyopts = args.filter((arg, index) => arg === '-keyopt' || args[index - 1] === '-keyopt')
    const others = args.filter(arg => !keyopts.includes(arg))
    const sealed = await made('-encrypt', ...others, '-recip', certificate, ...keyopts)
    await expect(decrypt(sealed, { identities: identities() })).rejects.toMatchObject({ name: 'CmsFault', reason })
  })

  test('but not what is for somebody else', async () => {
    const { paths } = await world.person('other')
    const sealed = await made('-encrypt', '-aes-256-cbc', '-recip', paths.certificate)
    await expect(decrypt(sealed, { identities: identities() })).rejects.toMatchObject({ reason: 'not-for-us' })
  })
})

describe.skipIf(!has('openssl'))('whole mails', () => {
  const mail = Buffer.from(
    'From: rsa@a.mssante.test\r\nTo: ec@a.mssante.test\r\nSubject: Un objet\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nUn courrier, é.\r\n',
  )
  const read = (...args: string[]) => {
    const result = openssl(...args, '-in', file('mail'), '-out', file('read'))
    expect(result).toEqual({ status: 0, stderr: expect.any(String) })
    return readFile(file('read'), 'utf8')
  }
  const signing = (form: 'detached' | 'opaque') => ({
    by: [{ identity: world.people.rsa.identity }, { identity: world.people.ec.identity }],
    at: now,
    form,
  })
  const opening = () => ({ identities: identities(), ...trust() })

  test.each(['detached', 'opaque'] as const)('that we sign are verified: %s', async form => {
    await writeFile(file('mail'), await whole(protectMail(mail, { sign: signing(form) })))
    expect(await read('-verify', ...anchorArgs())).toContain(
      'Subject: Un objet\r\nContent-Type: text/plain; charset=utf-8;\r\n hp="clear"\r\n\r\nUn courrier, é.',
    )
  })

  test.each(['mail-client', 'gateway'] as const)('that we sign and encrypt are opened, then verified: for a %s', async profile => {
    const sealing = { to: everyone(), profile, ...trust() }
    await writeFile(file('mail'), await whole(protectMail(mail, { sign: signing('detached'), encrypt: sealing })))
    const { certificate, key } = world.people.ec.paths
    await writeFile(file('mail'), await read('-decrypt', '-recip', certificate, '-inkey', key))
    // The subject is hidden outside: a mail client shows it in the text (RFC 9788 §5.2).
    const start = profile === 'gateway' ? 'hp="cipher"\r\n\r\n' : 'hp="cipher";\r\n hp-legacy-display="1"\r\n\r\nSubject: Un objet\r\n\r\n'
    expect(await read('-verify', ...anchorArgs())).toContain(`${start}Un courrier, é.`)
  })

  test.each<[string, string[]]>([
    ['beside the content', []],
    ['beside the content, by two', ['second']],
    ['around it', ['-nodetach']],
    ['around it, in one piece', ['-nodetach', '-noindef']],
  ])('that openssl signs are verified: %s', async (_, args) => {
    const { rsa, ec } = world.people
    const second = args.includes('second') ? ['-signer', ec.paths.certificate, '-inkey', ec.paths.key] : []
    await writeFile(file('content'), 'Content-Type: text/plain\r\n\r\nA letter.\r\n')
    const signer = ['-signer', rsa.paths.certificate, '-inkey', rsa.paths.key, ...second]
    const fields = ['-from', 'rsa@a.mssante.test', '-to', 'ec@a.mssante.test', '-subject', 'A subject']
    const made = openssl(
      '-sign',
      ...signer,
      ...args.filter(arg => arg.startsWith('-')),
      ...fields,
      '-in',
      file('content'),
      '-out',
      file('mail'),
    )
    expect(made).toMatchObject({ status: 0 })
    const opened = await openMail(await readFile(file('mail')), opening())
    expect(opened).toMatchObject({ layers: [{ kind: 'signed', signers: [{}, ...second.slice(0, 1).map(() => ({}))] }], header: 'none' })
    expect(opened.message.toString()).toMatch(
      /^To: ec@a[\s\S]*Subject: A subject\r\nContent-Type: text\/plain\r\nMIME-Version: 1.0\r\n\r\nA letter.\r\n$/,
    )
  })

  test.each(['-aes-256-cbc', '-aes-256-gcm'])('that openssl signs and encrypts are opened: %s', async cipher => {
    const { rsa, ec } = world.people
    await writeFile(file('content'), 'Content-Type: text/plain\r\n\r\nA letter.\r\n')
    openssl('-sign', '-signer', rsa.paths.certificate, '-inkey', rsa.paths.key, '-in', file('content'), '-out', file('signed'))
    const sealing = ['-encrypt', cipher, '-subject', 'A subject', '-in', file('signed'), '-out', file('mail')]
    expect(openssl(...sealing, '-recip', ec.paths.certificate, ...KDF('sha256'))).toMatchObject({ status: 0 })
    const opened = await openMail(await readFile(file('mail')), opening())
    expect(opened).toMatchObject({ isAuthenticated: true, layers: [{ kind: 'encrypted' }, { kind: 'signed', form: 'detached' }] })
    expect(opened.message.toString()).toContain('\r\n\r\nA letter.\r\n')
  })

  test('that were altered are refused by both', async () => {
    const signed = (await whole(protectMail(mail, { sign: signing('detached') }))).toString().replace('courrier', 'courriel')
    await writeFile(file('mail'), signed)
    expect(openssl('-verify', ...anchorArgs(), '-in', file('mail'), '-out', file('read')).stderr).toMatch(
      /digest failure|verification failure/,
    )
    await expect(openMail(Buffer.from(signed), opening())).rejects.toMatchObject({ reason: 'altered' })
    const sealed = await whole(encrypt(letter, { to: everyone(), profile: 'gateway', ...trust() }))
    sealed[sealed.length - 100]! ^= 1
    await writeFile(file('ours'), sealed)
    const { certificate, key } = world.people.rsa.paths
    expect(
      openssl('-decrypt', '-inform', 'DER', '-in', file('ours'), '-recip', certificate, '-inkey', key, '-out', file('read')).status,
    ).not.toBe(0)
    await expect(decrypt(sealed, { identities: identities() })).rejects.toMatchObject({ reason: 'undecryptable' })
  })
})
