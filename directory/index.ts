export { type Admin, type AdminOptions, type BalFilter, type BalState, openAdmin, stateOf } from './admin.ts'
export { adminEndpoints, type Endpoint, type Refused, refusedBy } from './admin-api.ts'
export { type AdminToken, type AdminTokens, openAdminTokens, TokenFault } from './admin-tokens.ts'
export {
  type Annuaire,
  AnnuaireUnavailable,
  type ExtractSnapshot,
  type Found,
  type LookedUp,
  type Lookup,
  openAnnuaire,
} from './annuaire.ts'
export { BalFault, type BalFaultLine, type BalReason } from './bal-fault.ts'
export { directoryMigrations } from './bal-schema.ts'
export {
  BAL_RULES,
  type Bal,
  type BalChanges,
  type BalRules,
  FILING_NOTICES,
  type FilingNotices,
  type NewBal,
} from './bal-types.ts'
export { type Bals, type BalsOptions, openBals } from './bals.ts'
export { type KnownListing, rankByUse } from './box-rank.ts'
export { type BoxUse, type BoxUses, boxUseMigrations, openBoxUses, PURPOSES, type Purpose, type Signs, type StaleBox } from './box-use.ts'
export { Dn, DnFault, differsInCommonNameOnly, dnFromRdns, parseDn, type Rdn } from './dn.ts'
export { type ImportOptions, type ImportReport, type ImportStep, importExtract } from './extract.ts'
export type { LineFault } from './extract-line.ts'
export * from './fhir/index.ts'
export * from './identifiers.ts'
export { ImportFault, type ImportReason } from './import-fault.ts'
export { type LiveWhiteList, type LiveWhiteListOptions, openWhiteList } from './live-white-list.ts'
export {
  type CertificateSource,
  type NewCertificate,
  openRecipientCertificates,
  type RecipientCertificates,
  type StoredCertificate,
} from './recipient-certificates.ts'
export { type BalType, type Directory, type DirectoryOptions, type Listing, openDirectory, type Professional } from './snapshot.ts'
export { directoryAge, openAgeAlarm } from './snapshot-age.ts'
export { SnapshotFault } from './snapshot-reader.ts'
export { isOld, type ListFacts, loadWhiteList, type WhiteList, type WhiteListOptions } from './white-list.ts'
export { WhiteListFault, type WhiteListReason } from './white-list-fault.ts'
export { nextUpdateAt, readUpdateState, type UpdateState } from './white-list-state.ts'
export { type UpdateOptions, type UpdateResult, updateWhiteList } from './white-list-update.ts'
export type { SkippedEntry } from './white-list-xml.ts'
