/** Namespaces and algorithm identifiers of XML Signature (xmldsig-core1, RFC 6931) and XAdES. */
export const DS = 'http://www.w3.org/2000/09/xmldsig#'
export const C14N_WITH_COMMENTS = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments'
export const EXC_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'
export const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256'
export const RSA_SHA1 = 'http://www.w3.org/2000/09/xmldsig#rsa-sha1'
export const SHA1 = 'http://www.w3.org/2000/09/xmldsig#sha1'
/** The edition of XAdES that the DMP's published examples use. */
export const XADES = 'http://uri.etsi.org/01903/v1.1.1#'
