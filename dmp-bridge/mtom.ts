/** One attachment of an MTOM message: its bytes go as they are. */
export interface Attachment {
  /** without angle brackets */
  contentId: string
  contentType: string
  content: Uint8Array
}

/**
 * A SOAP 1.2 message with attachments as XOP wants it (RFC 2387, XOP 1.0 §4.1, SOAP 1.2 MTOM §3.2).
 * @param uuid new for each message: boundary and Content-ID of the root are made of it
 * @returns the Content-Type of the HTTP request and its body
 */
export function buildMtom(
  envelope: string,
  attachments: Attachment[],
  options: { action: string; uuid: string },
): { contentType: string; body: Buffer } {
  const boundary = `pli-${options.uuid}`
  const root: Attachment = {
    contentId: `root-${options.uuid}@pli`,
    contentType: 'application/xop+xml; charset=UTF-8; type="application/soap+xml"',
    content: Buffer.from(envelope),
  }
  const parts = [root, ...attachments].flatMap(part => [
    Buffer.from(
      `--${boundary}\r\nContent-Type: ${part.contentType}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <${part.contentId}>\r\n\r\n`,
    ),
    part.content,
    Buffer.from('\r\n'),
  ])
  const parameters = [
    'type="application/xop+xml"',
    `start="<${root.contentId}>"`,
    'start-info="application/soap+xml"',
    `boundary="${boundary}"`,
  ]
  return {
    contentType: `multipart/related; ${parameters.join('; ')}; action="${options.action}"`,
    body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
  }
}
