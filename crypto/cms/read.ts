import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier } from '@peculiar/asn1-x509'
import { parsing } from './fault.ts'
import { sequence } from './write.ts'

/** Octets that a schema parser handed out. */
export function octetsOf(value: { buffer: ArrayBuffer } | ArrayBuffer): Buffer {
  return Buffer.from(value instanceof ArrayBuffer ? value : value.buffer)
}

/** @throws CmsFault `malformed` */
export function readAlgorithm(der: Buffer): { algorithm: string; parameters?: ArrayBuffer | null } {
  return parsing('an algorithm identifier', () => {
    const { algorithm, parameters } = AsnConvert.parse(der, AlgorithmIdentifier)
    return parameters === undefined ? { algorithm } : { algorithm, parameters }
  })
}

/** @throws CmsFault `malformed` */
export function readOid(der: Buffer): string {
  return readAlgorithm(sequence(der)).algorithm // an identifier without parameters
}
