/** The door of the room: what others may import. */

export { type AnsFiles, openAnsFiles } from './ans/ans-files.ts'
export { type Bell, openRedisBell } from './bell.ts'
export { type BridgeLog, bridgeLog } from './bridge-log.ts'
export { DEFAULT_LIMITS, type Limits } from './caps.ts'
export { decide, type Policy, type Sender, type Verdict } from './decide.ts'
export type { Dmp, DmpContext, DmpOutcome, DmpStatus } from './dmp.ts'
export { type DmpClientOptions, dmpClient } from './dmp-client.ts'
export type { RequestContext, Signers, SoapRequest } from './envelope.ts'
export type { CdaFacts, FoundDocument, Ignored, Ins, Recognition } from './facts.ts'
export type { FilingReason } from './filing-reasons.ts'
export { bridgeMigrations, type FilingOrder, type FilingState, MOVES } from './filing-tables.ts'
export type { FilingView } from './filing-view.ts'
export { frenchAdvice, frenchAnswer, frenchClass, frenchReason } from './french.ts'
export { HOLD_PATH, type HoldLinks, openHoldLinks } from './hold-link.ts'
export { hasValidKey, INS_OIDS, parseCx } from './ins.ts'
export { authorAsFiler, authorAsSender, type DocumentReport, type Inspection, inspectFile, type ReasonReport } from './inspect.ts'
export { type Bridge, type BridgeOptions, createBridge, type MailSource } from './main.ts'
export { loadRules, RulesFault } from './operator-rules.ts'
export {
  type ImportReport,
  insFault,
  readOppositionFile,
  type StatementForm,
  statementForm,
  statementOf,
  type UnreadLine,
} from './opposition-import.ts'
export { FEEDING, type Feeding, readStatements, type StatementFault, type UnreadStatement } from './opposition-message.ts'
export { type NewStatement, type Opposition, type Oppositions, openOppositions } from './oppositions.ts'
export { type GivenOrder, type OrderedBy, type OrderRefusal, type OrderResult, type Orders, openOrders } from './orders.ts'
export type { BridgePolicy } from './reader.ts'
export { REASONS, type Reason } from './reasons.ts'
export { recogniseFile, recogniseMessage } from './recognise.ts'
export { openRecogniser, type Recogniser } from './recogniser.ts'
export { type Rule, type Rules, shippedRules } from './rules.ts'
export { buildSubmission, prepareSubmission, type SubmissionRequest, type Unfit } from './submission.ts'
export { loadTables, TABLES_FOLDER, type Tables } from './tables.ts'
export { TIMING, type Timing } from './timing.ts'
export type { Software, VihfVersion } from './vihf.ts'
export {
  type DescribedPatient,
  type Description,
  descriptionSchema,
} from './wrap/description.ts'
export { type Descriptions, openDescriptions } from './wrap/descriptions.ts'
export type { PdfFacts, PdfFault } from './wrap/pdf-a.ts'
