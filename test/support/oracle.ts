import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../config/paths.ts'
import { tool } from './tools.ts'

/** What the header of a CDA means in XDS, as `test/oracle/cda.py` reads it; `code^system` for codes, null for what is absent or in no table. */
export interface OracleHeader {
  uniqueId: string
  patientId: string | null
  sourcePatientInfo: string[]
  type: string
  class: string | null
  format: string | null
  authors: OracleAuthor[]
  legalAuthenticator: string | null
  creationTime: string | null
  serviceStart: string | null
  serviceStop: string | null
  facility: string | null
  practice: string | null
  confidentiality: string | null
  language: string
  replaces: string | null
}

export interface OracleAuthor {
  person: string
  institutions: string[]
  specialty: string | null
  role: string | null
}

/** What a METADATA.XML says of one document. */
export interface OracleEntry {
  uri: string | null
  hash: string | null
  size: string | null
  uniqueId: string
  patientId: string
  sourcePatientInfo: string[]
  type: string
  class: string
  format: string
  authors: OracleAuthor[]
  confidentiality: string[]
  legalAuthenticator: string | null
  facility: string | null
  practice: string | null
  creationTime: string | null
  serviceStart: string | null
  serviceStop: string | null
  language: string | null
}

export interface OracleDocument {
  /** in its archive */
  name?: string | null
  sha1: string
  sha256: string
  bytes: number
  /** it claims a model of the ANS */
  french: boolean
  header: OracleHeader | null
  entry?: OracleEntry
}

/** One file of the samples and every health document in it. */
export interface OracleFile {
  file: string
  documents: OracleDocument[]
}

/** @returns every file of a folder of samples, read by a program that shares nothing with ours: another language, parser, and tables as they were published */
export function askOracle(folder: string): OracleFile[] {
  return JSON.parse(runOracle('corpus', folder)) as OracleFile[]
}

/** One request of ITI-41, put together again. */
export interface OracleRequest {
  name: string
  documents: { id: string; mimeType: string; sha256: string }[]
  entries: OracleEntry[]
  associations: [type: string, source: string, target: string][]
}

/**
 * @param folder where NAME.type and NAME.request are; NAME.envelope, NAME.body and NAME.ID.part are written beside them
 * @throws when a request is no MTOM message
 */
export function openRequests(folder: string, names: readonly string[]): OracleRequest[] {
  return JSON.parse(runOracle('mtom', folder, ...names)) as OracleRequest[]
}

/** @param script of test/oracle, without extension */
function runOracle(script: string, ...args: string[]): string {
  return execFileSync(tool('python3'), [join(packageRoot, 'test/oracle', `${script}.py`), ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
}
