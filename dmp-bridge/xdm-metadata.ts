import type { Limits } from './caps.ts'
import type { MetadataFacts } from './facts.ts'
import { attribute, children, findAll, readXml, textOf, type XmlElement, XmlFault } from './xml.ts'

const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'

/** Identification and classification schemes of XDS (ITI TF-3 §4.2.5). */
const ENTRY_PATIENT = 'urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427'
const ENTRY_UNIQUE_ID = 'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab'
const ENTRY_CONFIDENTIALITY = 'urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f'
const SET_PATIENT = 'urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446'

/**
 * Reads a METADATA.XML (ebRIM 3.0): one entry for each document. Real files have blanks before the root, no classification node
 * of the submission set and ids that do not match: none of it is needed to read what is said of a document.
 * @returns the entries; undefined when the file is not XML, or holds no ebRIM 3 document (ebXML 2.1 was met)
 */
export function readMetadata(bytes: Uint8Array, limits: Limits): MetadataFacts[] | undefined {
  const root = parse(bytes, limits)
  if (!root) return undefined
  const sets = findAll(root, 'RegistryPackage', RIM)
  const setPatientIds = [...new Set(sets.map(each => identifier(each, SET_PATIENT)).filter(each => each !== undefined))]
  const entries = findAll(root, 'ExtrinsicObject', RIM).map(each => readEntry(each, setPatientIds))
  return entries.length > 0 ? entries : undefined
}

function parse(bytes: Uint8Array, limits: Limits): XmlElement | undefined {
  try {
    const { maxXmlBytes: maxBytes, maxXmlDepth: maxDepth, maxXmlElements: maxElements } = limits
    return readXml(bytes, { maxBytes, maxDepth, maxElements, skipLeadingBlanks: true }).root
  } catch (error) {
    if (error instanceof XmlFault) return undefined
    throw error
  }
}

function readEntry(entry: XmlElement, setPatientIds: string[]): MetadataFacts {
  const [uniqueId, patientId] = [identifier(entry, ENTRY_UNIQUE_ID), identifier(entry, ENTRY_PATIENT)]
  const [uri, hash, size] = [joinedUri(slot(entry, 'URI')), slot(entry, 'hash')[0], slot(entry, 'size')[0]]
  return {
    ...(uniqueId !== undefined && { uniqueId }),
    ...(patientId !== undefined && { patientId }),
    setPatientIds,
    ...(uri !== undefined && { uri }),
    ...(hash !== undefined && { hash }),
    ...(size !== undefined && { size: Number(size) }),
    confidentiality: children(entry, 'Classification', RIM)
      .filter(each => attribute(each, 'classificationScheme') === ENTRY_CONFIDENTIALITY)
      .map(each => attribute(each, 'nodeRepresentation') ?? ''),
  }
}

function identifier(element: XmlElement, scheme: string): string | undefined {
  return attribute(
    children(element, 'ExternalIdentifier', RIM).find(each => attribute(each, 'identificationScheme') === scheme),
    'value',
  )
}

function slot(element: XmlElement, name: string): string[] {
  return children(element, 'Slot', RIM)
    .filter(each => attribute(each, 'name') === name)
    .flatMap(each => findAll(each, 'Value', RIM))
    .map(textOf)
    .filter(each => each !== undefined)
}

/** A URI longer than 128 characters comes in numbered pieces, `1|…`, `2|…` (ITI TF-3 §4.2.3.2.25). */
function joinedUri(values: string[]): string | undefined {
  if (values.length <= 1) return values[0]?.replace(/^1\|/, '')
  return values
    .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map(each => each.replace(/^\d+\|/, ''))
    .join('')
}
