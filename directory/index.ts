export {
  type Annuaire,
  AnnuaireUnavailable,
  type ExtractSnapshot,
  type Found,
  type LookedUp,
  type Lookup,
  openAnnuaire,
} from './annuaire.ts'
export { type Bal, BalFault, type BalReason, type NewBal } from './bal-rules.ts'
export { type Bals, type BalsOptions, directoryMigrations, openBals } from './bals.ts'
export { type BoxUse, type BoxUses, boxUseMigrations, openBoxUses, PURPOSES, type Purpose, type Signs, type StaleBox } from './box-use.ts'
export { Dn, DnFault, dnFromRdns, parseDn, type Rdn } from './dn.ts'
export { type ImportOptions, type ImportReport, importExtract } from './extract.ts'
export type { LineFault } from './extract-line.ts'
export * from './identifiers.ts'
export { ImportFault, type ImportReason } from './import-fault.ts'
export { type LiveWhiteList, type LiveWhiteListOptions, openWhiteList } from './live-white-list.ts'
export { type BalType, type Directory, type DirectoryOptions, type Listing, openDirectory } from './snapshot.ts'
export { loadWhiteList, type WhiteList, type WhiteListOptions } from './white-list.ts'
export { WhiteListFault, type WhiteListReason } from './white-list-fault.ts'
export type { SkippedEntry } from './white-list-xml.ts'
