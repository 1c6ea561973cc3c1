import type { ServerResponse } from 'node:http'
import type { FaultKind } from './faults.ts'

/** What goes back, before the fault menu has its way with it. */
export interface HttpAnswer {
  status: number
  type: string
  body: string
}

const SLOWLY_MS = 2
const PIECES = 40

/** Sends an answer, in the way that a fault asks for. */
export function sendAnswer(response: ServerResponse, answer: HttpAnswer, fault: FaultKind | undefined): void {
  const { status, type, body } = answer
  switch (fault) {
    case 'garbage':
      response.writeHead(200, { 'content-type': type }).end('<html><body>Bienvenue\u0000&nbsp;<br></html>')
      return
    case 'truncated-mtom':
      // the header promises the whole, half of it comes
      response.writeHead(status, { 'content-type': mtom(body).type, 'content-length': Buffer.byteLength(mtom(body).body) })
      response.write(mtom(body).body.slice(0, body.length / 2), () => response.destroy())
      return
    case 'slow':
      response.writeHead(status, { 'content-type': type })
      inPieces(response, Buffer.from(body))
      return
    default:
      response.writeHead(status, { 'content-type': type }).end(body)
  }
}

function inPieces(response: ServerResponse, bytes: Buffer): void {
  const size = Math.ceil(bytes.length / PIECES)
  const next = (from: number) => {
    if (response.destroyed) return
    if (from >= bytes.length) {
      response.end()
      return
    }
    response.write(bytes.subarray(from, from + size))
    setTimeout(() => next(from + size), SLOWLY_MS)
  }
  next(0)
}

/** A server whose MTOM is on answers so even when it attaches nothing. */
export function mtom(text: string): { type: string; body: string } {
  const part = 'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\nContent-Transfer-Encoding: binary'
  const type = 'multipart/related; boundary="dmp"; type="application/xop+xml"; start="<root@dmp>"; start-info="application/soap+xml"'
  return { type, body: `--dmp\r\n${part}\r\nContent-ID: <root@dmp>\r\n\r\n${text}\r\n--dmp--\r\n` }
}
