/** @types/node-forge describes the whole library; we load two files of it, so that its RSA, its random numbers and its PKCS#12 never run. */
declare module 'node-forge/lib/asn1.js' {
  import type forge from 'node-forge'

  interface ParseOptions {
    strict: boolean
    parseAllBytes: boolean
    decodeBitStrings: boolean
    maxDepth: number
  }
  const asn1: Omit<typeof forge.asn1, 'fromDer'> & { fromDer(bytes: string, options: ParseOptions): forge.asn1.Asn1 }
  export default asn1
}

declare module 'node-forge/lib/rc2.js' {
  import type forge from 'node-forge'

  const rc2: typeof forge.rc2
  export default rc2
}

declare module 'node-forge/lib/util.js' {
  import type forge from 'node-forge'

  const util: typeof forge.util
  export default util
}
