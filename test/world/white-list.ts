import { dnFromRdns, type Rdn } from '../../directory/index.ts'

export interface FictionalEntry {
  domain: string
  /** Subject of the certificate allowed for the domain, in certificate order; a text is written as it is (for wrong lists). */
  dn: readonly Rdn[] | string
  description?: string
  contact?: string
  updatedAt?: Date
}

/**
 * A white list in the format of the published one: namespace, order of the fields, names written most specific first.
 * @param options.sign puts the enveloped signature at the end of the root element; what it returns is returned
 */
export function buildWhiteList(options: { entries: readonly FictionalEntry[]; generatedAt: Date; sign: (xml: string) => string }): string {
  const domains = options.entries.map(entry => domaine(entry, options.generatedAt)).join('')
  return options.sign(`<?xml version="1.0" encoding="UTF-8"?><ListeBlancheMSSante xmlns="https://listeblanche.mssante.fr/schema">
    <DateDeGeneration>${seconds(options.generatedAt)}</DateDeGeneration>
    <ListeDomaines>${domains}
    </ListeDomaines>
</ListeBlancheMSSante>`)
}

function domaine({ domain, dn, description, contact, updatedAt }: FictionalEntry, generatedAt: Date): string {
  const name = typeof dn === 'string' ? dn : dnFromRdns(dn).toString()
  return `
        <Domaine>
            <Nom>${escaped(domain)}</Nom>
            <Description>${escaped(description ?? `Domaine fictif ${domain}`)}</Description>
            <DNCertificatOperateur>${escaped(name)}</DNCertificatOperateur>
            <ResponsableContact>${escaped(contact ?? `00 00 00 00 00, responsable@${domain}`)}</ResponsableContact>
            <SupportContact>${escaped(contact ?? `00 00 00 00 00, support@${domain}`)}</SupportContact>
            <DateMAJ>${seconds(updatedAt ?? generatedAt)}</DateMAJ>
        </Domaine>`
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
