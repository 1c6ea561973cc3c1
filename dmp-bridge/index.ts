/** The door of the room: what others may import. */
export { DEFAULT_LIMITS, type Limits } from './caps.ts'
export { decide, type Policy, type Sender, type Verdict } from './decide.ts'
export type { CdaFacts, FoundDocument, Ignored, Recognition } from './facts.ts'
export { INS_OIDS } from './ins.ts'
export { isReason, REASONS, type Reason } from './reasons.ts'
export { recogniseFile, recogniseMessage } from './recognise.ts'
export { openRecogniser, type Recogniser } from './recogniser.ts'
export { loadTables, TABLES_FOLDER, type Tables } from './tables.ts'
