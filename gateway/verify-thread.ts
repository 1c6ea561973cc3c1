import { type AnchorFiles, loadAnchors, verifyEnvelopedAsking } from '../crypto/index.ts'
import { responders } from './revocation/index.ts'

export interface VerifyTask {
  xml: string
  anchors: AnchorFiles
  signerName: string
}

/** Entry of the thread: the national list is 4 MB, its signature takes a second or two. @returns the signed content only */
export default async function verify({ xml, anchors: files, signerName }: VerifyTask): Promise<{ signed: string }> {
  const anchors = loadAnchors(files, { ocsp: responders() })
  const { signed } = await verifyEnvelopedAsking(xml, { anchors, at: new Date(), signerName })
  return { signed }
}
