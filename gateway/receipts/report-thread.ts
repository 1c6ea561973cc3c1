import { type Report, readReport } from './read-report.ts'

/** What runs in a thread of `openReportReader`. @param eml bytes of one message */
export default function readOne(eml: Uint8Array): Promise<Report | undefined> {
  return readReport(eml)
}
