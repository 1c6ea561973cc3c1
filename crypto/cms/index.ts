export type { Cipher, Hash } from './algorithms.ts'
export { type Decrypted, type DecryptOptions, decrypt } from './decrypt.ts'
export { type EncryptionProfile, type EncryptOptions, encrypt, profileCipher } from './encrypt.ts'
export { CmsFault, type CmsFaultReason } from './fault.ts'
export { emailsOf } from './holder.ts'
export { type Signing, type SignOptions, signDetached, signOpaque } from './sign.ts'
export type { Source } from './source.ts'
export {
  judgeSigner,
  type Signer,
  type SignerJudge,
  type SignerTrust,
  unverifiedContent,
  type VerifyOptions,
  verifyDetached,
  verifyOpaque,
} from './verify.ts'
