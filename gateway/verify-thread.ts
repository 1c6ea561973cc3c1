import { type AnchorFiles, loadAnchors, verifyEnveloped } from '../crypto/index.ts'

export interface VerifyTask {
  xml: string
  anchors: AnchorFiles
  signerName: string
}

/** Entry of the thread: the national list is 4 MB, its signature takes a second or two. @returns the signed content only */
export default function verify({ xml, anchors, signerName }: VerifyTask): { signed: string } {
  const { signed } = verifyEnveloped(xml, { anchors: loadAnchors(anchors), at: new Date(), signerName })
  return { signed }
}
