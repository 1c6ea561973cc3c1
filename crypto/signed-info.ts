import { SignatureFault } from './signature-fault.ts'
import { DS, ENVELOPED, EXC_C14N, RSA_SHA256, SHA256 } from './xml/names.ts'
import { type Element, parseTree } from './xml/tree.ts'

/**
 * Reads ds:SignedInfo from its canonical form, that is from what is signed, and accepts exactly one shape. Anything more (a second reference,
 * another transform, a comment that splits the digest value) has been the door of signature-wrapping attacks.
 * @returns the expected digest and the reference's URI
 * @throws SignatureFault
 */
export function checkSignedInfo(canonical: string): { digest: Buffer; uri: string } {
  const [c14n, method, reference] = childrenOf(parseTree(canonical), ['CanonicalizationMethod', 'SignatureMethod', 'Reference'])
  checkAlgorithm(c14n!, EXC_C14N)
  checkAlgorithm(method!, RSA_SHA256)
  const [transforms, digestMethod, digestValue] = childrenOf(reference!, ['Transforms', 'DigestMethod', 'DigestValue'])
  const [first, second] = childrenOf(transforms!, ['Transform', 'Transform'])
  checkAlgorithm(first!, ENVELOPED)
  checkAlgorithm(second!, EXC_C14N)
  checkAlgorithm(digestMethod!, SHA256)
  childrenOf(digestValue!, [])
  const uri = reference!.attributes.URI
  if (uri === undefined || !/^(#[A-Za-z_][\w.-]*)?$/.test(uri))
    throw unsupported('the reference is neither to the document nor to an element of it')
  return { digest: Buffer.from(digestValue!.text, 'base64'), uri }
}

function childrenOf({ children }: Element, names: string[]): Element[] {
  const isAsExpected = children.length === names.length && children.every(({ uri, name }, index) => uri === DS && name === names[index])
  if (!isAsExpected) throw unsupported('SignedInfo has not the one structure that is accepted')
  return children
}

function checkAlgorithm(element: Element, algorithm: string): void {
  if (element.attributes.Algorithm !== algorithm || element.children.length > 0)
    throw unsupported(`${element.name} is not the one that is accepted`)
}

function unsupported(message: string): SignatureFault {
  return new SignatureFault('unsupported', message)
}
