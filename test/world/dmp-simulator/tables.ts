/** Schemes of the submission set and of the document entries (spec dmp §1.5 and §2.1). */
export const SET = {
  node: 'urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd',
  author: 'urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d',
  contentType: 'urn:uuid:aa543740-bdda-424e-8c96-df4873be8500',
  patientId: 'urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446',
  sourceId: 'urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832',
  uniqueId: 'urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8',
} as const

export const ENTRY = {
  stable: 'urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1',
  author: 'urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d',
  class: 'urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a',
  type: 'urn:uuid:f0306f51-975f-434e-a61c-c59651d33983',
  confidentiality: 'urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f',
  format: 'urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d',
  facility: 'urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1',
  practice: 'urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead',
  event: 'urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4',
  patientId: 'urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427',
  uniqueId: 'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab',
} as const

export const HAS_MEMBER = 'urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember'
export const SIGNS = 'urn:ihe:iti:2007:AssociationType:signs'
export const REPLACES = 'urn:ihe:iti:2007:AssociationType:RPLC'

export const LOINC = '2.16.840.1.113883.6.1'
export const FRENCH_TYPES = '1.2.250.1.213.1.1.4.12'
export const CLASSES = '1.2.250.1.213.1.1.4.1'
export const FACILITIES = '1.2.250.1.71.4.2.4'
export const PRACTICES = '1.2.250.1.213.1.1.4.9'
export const CONTENT_TYPES = '1.2.250.1.213.2.2'
export const CONFIDENTIALITY = '2.16.840.1.113883.5.25'
export const MARKS = '1.2.250.1.213.1.1.4.13'

/** Class to its types (spec dmp §2.2). Class 90 is the patient's own voice, and 99 a style sheet: neither comes from a professional. */
const TYPES: Readonly<Record<string, string>> = {
  10: `11488-4 11490-0 34112-3 11502-2 15507-7 15508-5 34874-8 34875-5 60568-3 34794-8 34749-2 77436-4 51969-4 47420-5 11505-5 11506-3
    70004-7 75482-0 75492-9 75496-0 85208-7 96349-6 78513-9 78601-2 93024-8 83981-1 67851-6 59283-2 28653-4 29274-8 BIL_AUTO`,
  11: `60591-5 SYNTH 34133-9 18761-7 74207-2 56445-0 80820-4 68599-0 83836-7 83901-9 88348-8 57055-6 57057-2 57075-4 89235-6 78489-2
    EXPORT_DUI`,
  31: '18748-4 IMG-KOS 52040-3',
  42: `57833-6 57832-8 57828-6 55115-0 PRESC-BIO PRESC-KINE PRESC-INF PRESC-PEDI PRESC-ORTHOPHO PRESC-ORTHOPTIE PRESC-AAT 61357-0
    75468-9`,
  43: '60593-1 DISP_AUT',
  44: '18776-5 77604-7 80771-9 80788-3 83869-8 PROT_ALD',
  45: '80565-5',
  52: '11369-6 87273-9 CERT_DECL 89601-9 96173-0 96874-3',
  60: 'REMB',
  95: `51851-4 56446-8 59284-0 86531-1 PIECE-IDENTITE AUTORIS-SOINS FICHE-CONTACTS`,
}

/** typeCode to classCode. */
export const CLASS_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(TYPES).flatMap(([code, types]) => types.split(/\s+/).map(type => [type, code] as const)),
)

/** JDV_J04 (spec dmp §2.4). */
export const PRACTICE_CODES: ReadonlySet<string> = new Set(
  'AMBULATOIRE ETABLISSEMENT DEPISTAGE ESSMS HAD MAD PALLIATIF SAD SAMU_SMUR AMO EXP_PATIENT SNR'.split(' '),
)

/** Level 1: format by media type (spec dmp §2.3). */
export const N1_FORMATS: Readonly<Record<string, string>> = {
  'application/pdf': 'urn:ihe:iti:xds-sd:pdf:2008',
  'text/plain': 'urn:ihe:iti:xds-sd:text:2008',
  'image/jpeg': 'urn:ihe:iti-fr:xds-sd:jpeg:2010',
  'text/rtf': 'urn:ihe:iti-fr:xds-sd:rtf:2010',
  'image/tiff': 'urn:ihe:iti-fr:xds-sd:tiff:2010',
}

/** Level 3: format by template, those that spec dmp §2.3 writes in full. */
export const N3_FORMATS: Readonly<Record<string, string>> = {
  '1.2.250.1.213.1.1.1.13': 'urn:asip:ci-sis:vsm:2012',
  '1.2.250.1.213.1.1.1.55': 'urn:ihe:lab:xd-lab:2008',
  '1.3.6.1.4.1.19376.1.3.3': 'urn:ihe:lab:xd-lab:2008',
  '1.2.250.1.213.1.1.1.45': 'urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013',
  '1.2.250.1.213.1.1.1.21': 'urn:asip:ci-sis:ldl-ees:2017',
  '1.2.250.1.213.1.1.1.29': 'urn:asip:ci-sis:ldl-ses:2017',
  '1.2.250.1.213.1.1.1.39': 'urn:ihe:pharm:pre:2010',
  '1.2.250.1.213.1.1.1.54': 'urn:ihe:pharm:dis:2010',
  '1.2.250.1.213.1.1.1.57': 'urn:ihe:palm:apsr:2016',
  '1.2.250.1.213.1.1.1.51': 'urn:ihe:pcc:ips:2020',
}
