import { openBlob, sealLookup } from '../../crypto/index.ts'

/** Patients' addresses as rows hold them: an address is a number of health insurance. */
export interface Hidden {
  /** @returns the text sealed when it ends with the patients' domain, and as it is otherwise; the same text gives the same */
  hide(text: string): string
  /** @returns what was hidden; any other text as it is */
  show(text: string): string
}

const PLACE = { purpose: 'patient address', context: 'rows' }

/** @param secret of what is kept of patients. @param domain of all patients: it stays readable, so that rows can be told apart and masked */
export function openHidden(secret: Uint8Array, domain: string): Hidden {
  const end = `@${domain}`
  return {
    hide: text =>
      text.toLowerCase().endsWith(end) ? `~${sealLookup(secret, PLACE, Buffer.from(text)).toString('base64url')}${end}` : text,
    show(text) {
      if (!text.startsWith('~') || !text.endsWith(end)) return text
      return openBlob(secret, PLACE, Buffer.from(text.slice(1, -end.length), 'base64url'))?.toString() ?? text
    },
  }
}
