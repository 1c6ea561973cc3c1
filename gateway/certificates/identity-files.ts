import type { IdentityFiles } from '../../crypto/index.ts'

/** The paths alone, of a part of the configuration that may say more. */
export function identityFiles(files: IdentityFiles): IdentityFiles {
  if ('pkcs12' in files) return { pkcs12: files.pkcs12, passphrase: files.passphrase }
  return { certificate: files.certificate, key: files.key, chain: files.chain }
}
