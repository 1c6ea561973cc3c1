export {
  type AnchorFiles,
  type Anchors,
  fetchedListName,
  type ListDates,
  loadAnchors,
  loadAuthorities,
  type OcspAccess,
} from './anchors.ts'
export { signatureValueOf, signText, withTimeStamp } from './attest.ts'
export {
  type Audit,
  type AuditCheck,
  type AuditEntry,
  type AuditFault,
  type AuditHead,
  type AuditKeeper,
  type AuditLine,
  type AuditListing,
  type AuditVerdict,
  auditMigrations,
  type CheckpointCopies,
  type CheckpointTrust,
  exportAudit,
  openAudit,
  openAuditKeeper,
  openCheckpointStamps,
  type StampedPeriod,
  verifyExport,
  wordsOf,
} from './audit/index.ts'
export { type CertificateFacts, readCertificate, subjectOf } from './certificate.ts'
export {
  type Cipher,
  CmsFault,
  type CmsFaultReason,
  type EncryptionProfile,
  type EncryptOptions,
  emailsOf,
  type Hash,
  judgeSigner,
  profileCipher,
  type Signer,
  type SignerJudge,
  type SignerTrust,
  type Signing,
  type SignOptions,
  type Source,
  signDetached,
  signOpaque,
  type VerifyOptions,
  verifyDetached,
} from './cms/index.ts'
export { connector } from './connector.ts'
export { createIdentity, type Identity, type IdentityFiles, loadIdentity, loadOpener, type PemFiles } from './identity.ts'
export { isOlderList, type ListFacts, readList } from './list-facts.ts'
export { isSealedLetter, type MailboxPublicKey, SEALED_MARK_BYTES } from './mail-crypt.ts'
export { createMailboxKeys, loadMailboxKey, loadMailboxReader } from './mailbox-keys.ts'
export {
  addMasterKey,
  createMasterKeyFile,
  loadMasterKeys,
  type MasterKeyFile,
  type MasterKeySource,
  type MasterKeys,
  removeMasterKey,
} from './master-keys.ts'
export { formatName, type Rdn } from './names.ts'
export { answeredSince, prepared } from './ocsp.ts'
export { faultsOfOwn, ownNames } from './own-certificate.ts'
export { type PackedIdentity, packIdentity, unpackIdentity } from './packed-identity.ts'
export { hashPassword, verifyPassword } from './password.ts'
export { faultOfShown, judgePeer, PeerRefused, peerFaultOf } from './peer.ts'
export type { TokenKey } from './pkcs11.ts'
export type { Pkcs12Files } from './pkcs12/files.ts'
export { judgeRecipient, type PackedRecipient, packRecipient } from './recipient.ts'
export { openBlob, type SealPlace, sealBlob, sealLookup } from './seal.ts'
export { readSecret } from './secret-file.ts'
export { type Dial, dial } from './sessions.ts'
export { type SignEnvelopedOptions, signEnveloped } from './sign-enveloped.ts'
export { SignatureFault, type SignatureFaultReason } from './signature-fault.ts'
export { type MailLayer, type OpenedMail, type OpenMailOptions, openMail, outermostLayer } from './smime.ts'
export { type MailProtection, protectMail } from './smime-protect.ts'
export { askTimeStamp, readTimeStamp, type TimeStamp, TimeStampFault, type TimeStampFaultReason } from './timestamp.ts'
export { type ClientTlsOptions, clientTls, type ServerTls, type ServerTlsOptions, serverTls, serviceTls } from './tls.ts'
export type { Usage } from './usage.ts'
export { openVault, SEAL_HEADER_BYTES, type Sealer, SealFault, type Vault } from './vault.ts'
export type { PeerFault, PeerVerdict, Refused } from './verdict.ts'
export { signerIn, type VerifyEnvelopedOptions, verifyEnveloped, verifyEnvelopedAsking } from './verify-enveloped.ts'
export { type SubmissionSetToSign, signSubmissionSet } from './xades.ts'
