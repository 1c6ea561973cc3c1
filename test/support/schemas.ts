import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { corpus } from './corpus.ts'
import { tool } from './tools.ts'

/**
 * Makes the published schemas of ITI-41 and ITI-18 ready for libxml2.
 * @param folder a copy is made there
 */
export function prepareSchemas(folder: string): void {
  cpSync(corpus('schema', 'ipf', 'wsdl', 'schema'), join(folder, 'schema'), { recursive: true })
  // libxml2 skips the import of a namespace that it has met already: xcf.xsd must be included by name.
  const main = join(folder, 'schema', 'IHE', 'IHEXDSB.xsd')
  writeFileSync(main, readFileSync(main, 'utf8').replace(/(<xs:schema [^>]*>)/, '$1<xs:include schemaLocation="xcf.xsd"/>'))
}

/**
 * @param folder that of `prepareSchemas`
 * @param schema path below it
 * @param texts XML by name
 * @returns what xmllint says of these texts, empty when all are valid
 */
export function schemaFaults(folder: string, schema: string, texts: Record<string, string>): string {
  const files = Object.entries(texts).map(([name, text]) => {
    const file = join(folder, `${name}.request`)
    writeFileSync(file, text)
    return file
  })
  return fileFaults(join(folder, 'schema', schema), files)
}

/** The same for files, in one run: a schema takes longer to compile than most files to judge. */
export function fileFaults(schema: string, files: readonly string[]): string {
  const options = ['--noout', '--nonet', '--huge', '--schema', schema]
  const { status, stderr } = spawnSync(tool('xmllint'), [...options, ...files], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return status === 0 ? '' : stderr
}

/** @returns the child of env:Body, as text; its namespaces are declared on it */
export function soapBody(envelope: string): string {
  return envelope.slice(envelope.indexOf('<env:Body>') + '<env:Body>'.length, envelope.lastIndexOf('</env:Body>'))
}

/** Puts attachments back in the place of their references: what MTOM means (XOP 1.0 §1), and what the schema speaks of. */
export function withAttachments(envelope: string, parts: ReadonlyMap<string, Buffer>): string {
  return envelope.replace(/<xop:Include [^>]*href="cid:([^"]+)"[^>]*\/>/g, (_, id: string) => {
    const part = parts.get(decodeURIComponent(id))
    if (!part) throw new Error('a reference without its part')
    return part.toString('base64')
  })
}
