import { Fault } from '../config/index.ts'
export type ImportReason =
  | 'unreadable' // the source or the previous snapshot cannot be read
  | 'too-large' // more bytes or lines than any real one
  | 'header' // not the columns we know
  | 'encoding' // not UTF-8
  | 'broken-lines' // too many lines cannot be used
  | 'empty'
  | 'shrunk' // fewer than half of the boxes of the snapshot in use

/** An extract that must not be used; the snapshot in use is untouched. The message is a sentence for the operator. */
export class ImportFault extends Fault<ImportReason> {
  override readonly name = 'ImportFault'
}
