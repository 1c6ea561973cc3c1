import { present } from './dsn-read.ts'
import { type Fields, readBlocks, recipientKey } from './report-fields.ts'

/**
 * Why the recipient's software could not integrate the document: table applicationErrorCondition of the ANS volet
 * "Transmission au LPS d'un document CDA reçu par MSSanté" (spec MSSanté §2.4). Our words: a reporter's own may name the patient.
 */
export const PROCESSING_ERRORS: Readonly<Record<string, string>> = {
  '900': 'La version du document à remplacer ou à supprimer n’est pas la dernière',
  '901': 'L’auteur n’est pas autorisé à remplacer ou à supprimer le document',
  '902': 'Le patient est inconnu du logiciel destinataire',
  '903': 'L’INS n’est pas présent dans le document',
  '904': 'L’INS ou ses traits ne correspondent pas à ceux du logiciel destinataire',
  '905': 'Les traits de l’INS sont incomplets',
  '906': 'Autre erreur d’intégration',
}

const dispositions = ['displayed', 'processed', 'dispatched', 'deleted', 'denied', 'failed'] as const
export type Disposition = (typeof dispositions)[number]

export interface Mdn {
  kind: 'mdn'
  /** With its `<` and `>`, without blanks. */
  originalMessageId?: string
  /** Message-ID of the message that the report carries back. */
  headerMessageId?: string
  original?: string
  final?: string
  disposition: Disposition
  /** The action was taken without a human (RFC 8098 §3.2.6.1). */
  automatic: boolean
  /** The recipient's side says that it could not process the message. */
  error: boolean
  /** 900 to 906, when the error gives one. */
  code?: string
}

/**
 * Reads the fields of a message/disposition-notification (RFC 8098 §3.2) and the ANS processing receipt in both spellings:
 * `Disposition: …; processed/Error: 902^label` and `Disposition: …; processed/error` with `Error: 902^label`.
 * @param text body of the part
 * @param subject of the report: `[KO Intégration système !][902] …` gives the code that the fields left out
 * @returns undefined when there is no disposition that we know: nothing is guessed
 */
export function readMdn(text: string, subject = ''): Mdn | undefined {
  const fields = readBlocks(text).find(block => block.has('disposition'))
  const [, mode = '', type = '', rest = ''] = /^([^;]*);[ \t]*([A-Za-z]+)(.*)$/s.exec(fields?.get('disposition') ?? '') ?? []
  const disposition = dispositions.find(known => known === type.toLowerCase())
  if (fields === undefined || disposition === undefined) return undefined
  const error = disposition === 'failed' || /\/[^:]*\b(?:error|failure)\b/i.test(rest) || fields.has('error') || fields.has('failure')
  return {
    kind: 'mdn',
    ...present('originalMessageId', messageIdIn(fields.get('original-message-id'))),
    ...recipientsIn(fields),
    disposition,
    automatic: /automatic-action/i.test(mode),
    error,
    ...(error ? present('code', codeIn(rest, fields.get('error'), fields.get('failure'), subject)) : {}),
  }
}

function recipientsIn(fields: Fields): { original?: string; final?: string } {
  const original = fields.get('original-recipient')
  const final = fields.get('final-recipient')
  return {
    ...(original === undefined ? {} : present('original', recipientKey(original))),
    ...(final === undefined ? {} : present('final', recipientKey(final))),
  }
}

/** A code stands before `^`, alone, or between brackets in the subject. */
function codeIn(...texts: (string | undefined)[]): string | undefined {
  for (const text of texts) {
    const code = /(?:^|[\s:[])(90[0-6])(?=\^|\]|\s|$)/.exec(text ?? '')?.[1]
    if (code !== undefined) return code
  }
  return undefined
}

/** @returns the first `<…>` of a field value without the blanks that some write inside, or undefined */
export function messageIdIn(value: string | undefined): string | undefined {
  const id = /<([^<>]{1,995})>/.exec(value ?? '')?.[1]?.replace(/\s/g, '')
  return id === undefined || id === '' ? undefined : `<${id}>`
}
