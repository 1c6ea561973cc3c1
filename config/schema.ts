import { z } from 'zod'

/** `90s`, `10m`, `4h`, `5d`. */
const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** @returns milliseconds */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (!count || !unit) throw new Error(`"${text}" is no duration: write a number and s, m, h or d`)
  return Number(count) * UNITS[unit as keyof typeof UNITS]
}

const duration = z.string().transform((text, context) => {
  try {
    return parseDuration(text)
  } catch (error) {
    context.addIssue((error as Error).message)
    return z.NEVER
  }
})
const hostName = z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'a lower-case host name')
const domain = z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'a lower-case domain name')
const address = z.string().regex(/^[a-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'a lower-case mail address')
const file = z.string().min(1).describe('path, from the folder of this configuration')
const files = z.array(file).min(1)
const port = z.number().int().min(0).max(65_535)
const listen = z.strictObject({ host: z.string().default('0.0.0.0'), port })
const hostAndPort = z.string().regex(/^[A-Za-z0-9.-]+:\d{1,5}$/, 'host:port')
const idNatStruct = z.string().regex(/^[0-4][0-9A-Z]{9,14}$/, 'a national structure id: 1 and the FINESS, or 3 and the SIRET')
const oid = z.string().regex(/^[0-2](\.(0|[1-9]\d*))+$/, 'an OID')
const megabytes = (count: number) => count * 1024 * 1024
const atMost = (most: number, value: number) => z.number().int().positive().max(most).default(value)

const pem = z.strictObject({ certificate: file, key: file, chain: file.optional() })
const pkcs12 = z.strictObject({
  pkcs12: file,
  passphrase: file.describe('file with the passphrase on one line, readable by its owner only'),
})
const EITHER = 'either certificate and key (PEM) or pkcs12 and passphrase'

/**
 * One of the two forms of a certificate with its key. By hand, since all that z.union says of a value of neither form is "Invalid input".
 * @param rest what stands beside them
 */
function identityWith<Rest extends z.ZodRawShape>(rest: Rest) {
  const forms = { pem: pem.extend(rest), pkcs12: pkcs12.extend(rest) }
  const anyForm = z.strictObject({ ...pem.partial().shape, ...pkcs12.partial().shape, ...rest })
  type Identity = z.output<typeof forms.pem> | z.output<typeof forms.pkcs12>
  return z.looseObject({}).transform((value, context): Identity => {
    const has = (form: z.ZodObject) => Object.keys(form.shape).some(key => key in value)
    const clear = has(pem) !== has(pkcs12)
    const parsed = (clear ? forms[has(pkcs12) ? 'pkcs12' : 'pem'] : anyForm).safeParse(value)
    if (clear && parsed.success) return parsed.data as Identity
    if (!clear) context.addIssue(has(pem) ? `has ${EITHER}, never parts of both` : `needs ${EITHER}`)
    for (const { path, message } of parsed.error?.issues ?? []) context.addIssue({ code: 'custom', path, message })
    return z.NEVER
  })
}

/** Certificates of the IGC-Santé: each role its own (spec: SERV SSL, ORG AUTH_CLI, ORG SIGN). */
const identity = identityWith({})
/** Lists and answers are signed and are verified, so they may be fetched over http, as the national ones are. */
const listUrl = z.url({ protocol: /^https?$/ })
const authority = z.strictObject({
  certificate: file.describe('of the authority (PEM)'),
  crl: listUrl.optional().describe('its complete revocation list, fetched and kept in the data folder'),
  deltaCrl: listUrl.optional().describe('what has changed since'),
  ocsp: listUrl.optional().describe('its responder, asked where the list is missing, outdated or late'),
})
const trust = z.strictObject({
  anchors: files.default([]).describe('certificates of the authorities that peers must chain to (PEM)'),
  crls: files.default([]).describe('revocation lists that somebody else puts there (PEM or DER)'),
  authorities: z
    .array(authority)
    .default([])
    .describe('more such authorities, and where to learn whom each has revoked: addresses in certificates are not followed'),
})

/** What one message may be. They are limits, not switches: each has a ceiling, none can be turned off. */
const limits = z
  .strictObject({
    messageBytes: atMost(megabytes(100), megabytes(25)).describe(
      'what our own may send; other operators may bring 1.4 times as much, since a letter grows when it is sealed',
    ),
    recipients: atMost(1_000, 500).describe('RFC 5321 §4.5.3.1.8 asks for 100 at least'),
    headerBytes: atMost(megabytes(1), 65_536),
    headerFields: atMost(5_000, 500),
    lineBytes: atMost(65_536, 998).describe('RFC 5322 §2.1.1'),
    parts: atMost(1_000, 200),
    depth: atMost(50, 12),
    connections: atMost(10_000, 500),
    hops: atMost(100, 25).describe('Received fields, RFC 5321 §6.3'),
  })
  .prefault({})

const retry = z
  .strictObject({
    schedule: z.array(duration).min(1).default([60e3, 120e3, 300e3, 600e3, 1_200e3, 2_400e3, 3_600e3, 7_200e3, 14_400e3]),
    warnAfter: duration.default(4 * UNITS.h),
    giveUpAfter: duration.default(5 * UNITS.d).describe('RFC 5321 §4.5.4.1: at least 4 to 5 days'),
    overdueAfter: duration.default(UNITS.d).describe('a receipt that has not come by then is reported to the sender'),
  })
  .prefault({})

/** Six months: what the national rules recommend for the traces of what users did, and the least that stays. Milliseconds. */
export const AUDIT_LEAST_KEPT = 183 * UNITS.d

const audit = z
  .strictObject({
    checkpointEvery: z.int().min(1).max(100_000).default(1_000).describe('lines, after which the log is signed'),
    checkpointInterval: duration.refine(milliseconds => milliseconds <= UNITS.h, 'at most 1h').default(UNITS.h),
    keepFor: duration.refine(milliseconds => milliseconds >= AUDIT_LEAST_KEPT, 'at least 183d').default(1_096 * UNITS.d),
  })
  .prefault({})

/** An authority of RFC 3161. Clear text says no more than a digest, and is not spoken all the same. */
const timeStamp = z.strictObject({
  url: z.url({ protocol: /^https$/ }),
  anchors: files.describe('authorities that its certificate must chain to (PEM)'),
  crls: files.describe('their revocation lists'),
  httpsAnchors: files.optional().describe("authorities of its HTTPS certificate; the machine's own ones otherwise"),
  timeout: duration.refine(milliseconds => milliseconds <= UNITS.m, 'at most 1m').default(10 * UNITS.s),
})

const dmp = z.strictObject({
  url: z.url({ protocol: /^https$/ }).describe('base of /repository, /registry, /patients'),
  trust,
  client: identity.describe('ORG AUTH_CLI: mutual TLS'),
  signature: identity.describe('ORG SIGN: VIHF and XAdES'),
  structure: idNatStruct.describe('OU of the two certificates'),
  structureName: z.string().min(1),
  sites: z.array(idNatStruct).default([]).describe('geographic structures that the certificate of the legal entity speaks for'),
  sector: z
    .string()
    .regex(/^SA\d{2}$/)
    .default('SA41')
    .describe('Secteur_Activite (JDV_J61)'),
  responsible: z.strictObject({ idNatPs: z.string().min(9), name: z.string().min(1) }).describe('who answers for the automated processing'),
  software: z.strictObject({
    name: z.string().min(1),
    version: z.string().min(1),
    lpsId: z.string().min(1),
    homologation: z.string().min(1).describe('secret of each distributor'),
    model: z.string().min(1),
    service: z.string().min(1),
  }),
  insOids: z.array(oid).min(1).default(['1.2.250.1.213.1.4.8', '1.2.250.1.213.1.4.9']),
  ansFiles: file
    .optional()
    .describe('folder of the files of the ANS: tables/, schema/, schematrons/, as published; what is not there is as shipped'),
  rules: file.optional().describe('rules of your own (YAML), which can only be tighter than those that come with the program'),
  reception: z
    .boolean()
    .default(false)
    .describe('file what arrives from other operators too, when one of your structures is among its authors'),
  delay: duration.default(10 * UNITS.m).describe('the time in which the author may hold a document back'),
  documentBytes: atMost(megabytes(50), megabytes(10)).describe('of one document, and of all the documents of one submission'),
  documentsPerSubmission: z.int().min(1).max(50).default(10).describe('documents of one message that may go in one submission'),
  vihf: z.enum(['3.0', '4.0']).default('3.0').describe('VIHF_Version: which one a DMP expects of an automate'),
  timeout: duration
    .refine(milliseconds => milliseconds <= 5 * UNITS.m, 'at most 5m: two exchanges fit in the lease of a claim')
    .default(60 * UNITS.s),
})

const encryptionPolicy = z.enum(['never', 'whenPossible', 'required'])

/** Mail between operators, signed and encrypted. Mutual TLS is asked for whatever this says. */
const smime = z
  .strictObject({
    encryption: z
      .array(identity)
      .default([])
      .describe('SERV CONF or SERV S/MIME: what other operators encrypt to our domains is opened with these'),
    policy: z
      .strictObject({
        default: encryptionPolicy.default('whenPossible'),
        domains: z.record(domain, encryptionPolicy).default({}),
      })
      .prefault({})
      .describe('by domain of the recipient: never, when a certificate of his is known, or not sent without'),
  })
  .prefault({})

const masterKeys = z
  .strictObject({
    file: file.optional().describe('made by `pli keys create`, outside the data folder, readable by its owner only'),
    environment: z.string().min(1).optional().describe('variable with the same text'),
    pkcs11: z
      .strictObject({
        uri: z
          .string()
          .regex(/^pkcs11:/, 'pkcs11:token=…;object=…')
          .describe('RSA key of the token, without its type and PIN'),
        pin: file.describe('file that holds the PIN alone, readable by its owner only'),
        module: file.describe("the token's PKCS#11 library"),
        through: z.enum(['provider', 'engine']).default('provider').describe('how the `openssl` of this machine speaks PKCS#11'),
      })
      .optional()
      .describe('the file is sealed for this key (`pli keys create --pkcs11`)'),
  })
  .transform(({ file, environment, pkcs11 }, context) => {
    if (file !== undefined && environment === undefined) return { file, pkcs11 }
    if (environment !== undefined && file === undefined && pkcs11 === undefined) return { environment }
    context.addIssue('name either a file (with or without pkcs11) or a variable of the environment')
    return z.NEVER
  })

const mailboxes = z.strictObject({
  publicKey: file.describe(
    'PEM, made by `pli keys create-mailbox`: letters are delivered sealed for it; the IMAP server alone has the private key',
  ),
})

/** HTTPS towards a national service: its authorities are named, never those of the machine. */
const httpsUrl = z.url({ protocol: /^https$/ })

const fhir = z.strictObject({
  url: httpsUrl.describe('base of the Annuaire Santé FHIR API'),
  apiKey: file.describe('file with the ESANTE-API-KEY on one line, readable by its owner only'),
  anchors: files.optional().describe("authorities of the service's certificate; the machine's own ones otherwise"),
  timeout: duration.default(3 * UNITS.s).describe('a recipient whom the extract does not know waits no longer than this'),
  cacheFor: duration.default(UNITS.d),
  publish: z.boolean().default(false).describe('send our boxes to the national directory by FHIR PATCH'),
})

/** Pro Santé Connect, for XOAUTH2 and OAUTHBEARER. */
const psc = z.strictObject({
  issuer: httpsUrl,
  jwks: httpsUrl.describe('keys of the issuer'),
  introspection: z.strictObject({ url: httpsUrl, clientId: z.string().min(1), clientSecret: file }),
  audience: z.array(z.string().min(1)).min(1).describe('client ids of the software that may bring tokens'),
  anchors: files.optional().describe("authorities of the service's certificate; the machine's own ones otherwise"),
})

/** Pages for people: professionals by Pro Santé Connect (authorization code), operators by password and code. */
const console = z.strictObject({
  listen: listen.extend({ host: z.string().default('127.0.0.1') }),
  url: httpsUrl
    .refine(text => new URL(text).origin === text.replace(/\/$/, ''), 'scheme, host and port alone')
    .transform(text => new URL(text).origin)
    .describe('public base of the pages, as a browser sees it'),
  psc: z
    .strictObject({
      issuer: httpsUrl,
      clientId: z.string().min(1),
      clientSecret: file,
      anchors: files.optional().describe("authorities of the service's certificate; the machine's own ones otherwise"),
    })
    .optional(),
})

const signIn = z
  .strictObject({
    psc: psc.optional(),
    certificates: trust.optional().describe('authorities of the ORG AUTH_CLI certificates by which APP boxes sign in'),
  })
  .prefault({})

export const configuration = z.strictObject({
  name: z.string().min(1).describe('shown to people in acknowledgements'),
  hostname: hostName.describe('in the greeting, EHLO and trace fields; the certificate of tls names it'),
  domains: z.array(domain).min(1),
  postmaster: address,
  data: file.describe('folder of everything that this operator keeps'),
  masterKeys: masterKeys.describe('what is kept is sealed under them: keep a copy apart from that of the data'),
  mailboxes,
  listen: z.strictObject({ submission: listen, submissions: listen, reception: listen }),
  tls: identityWith(trust.shape),
  whiteList: z.strictObject({
    file,
    ...trust.shape,
    signer: z.string().min(1).describe('CN of the signer'),
    url: httpsUrl.optional().describe('where it is published; without it somebody else puts the file there'),
    refresh: duration.refine(milliseconds => milliseconds <= UNITS.d, 'at most 1d').default(UNITS.d),
    maxAge: duration.default(3 * UNITS.d).describe('an older list is in use, with an alarm'),
  }),
  directory: z.strictObject({
    file: file.describe('snapshot made by `pli directory import`'),
    maxAge: duration.default(2 * UNITS.d).describe('an older extract is in use, with an alarm'),
    fhir: fhir.optional(),
  }),
  signature: identity.describe('ORG SIGN or SERV S/MIME: signs what this operator attests, and mail that leaves'),
  smime,
  audit,
  timeStamp: timeStamp
    .optional()
    .describe(
      'stamps what `pli trace --proof` writes (without a stamp nothing is written then), and one checkpoint of the audit log a day',
    ),
  signIn,
  admin: z.strictObject({ listen: listen.extend({ host: z.string().default('127.0.0.1') }) }).optional(),
  console: console.optional(),
  patients: z.strictObject({ domain: domain.default('patient.mssante.fr') }).prefault({}),
  routes: z
    .record(domain, hostAndPort)
    .default({})
    .describe('next hops that replace the MX look-up; the certificate is checked all the same'),
  limits,
  retry,
  dmp: dmp.optional(),
  redis: z
    .strictObject({ url: z.url({ protocol: /^rediss?$/ }) })
    .optional()
    .describe('rings the bells of several machines; it holds nothing that matters'),
  log: z.strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
})

/** A configuration as written, checked and completed: durations in milliseconds, sizes in bytes, paths absolute once loaded. */
export type Configuration = z.output<typeof configuration>
