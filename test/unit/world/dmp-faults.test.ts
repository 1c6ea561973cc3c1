import { expect, test } from 'vitest'
import { FAULTS, parseFault } from '../../world/dmp-simulator/faults.ts'

test('pli local names faults by their kind, and how often', () => {
  for (const kind of FAULTS) expect(parseFault(`dmp-${kind}`)).toEqual({ kind })
  expect(parseFault('dmp-code:XDSRegistryBusy*2')).toEqual({ kind: 'code:XDSRegistryBusy', times: 2 })
  expect(parseFault('dmp-soap:Sender/DMPInvalidCertificate')).toEqual({ kind: 'soap:Sender/DMPInvalidCertificate' })
  expect(parseFault('dmp-http-503*1')).toEqual({ kind: 'http-503', times: 1 })
  for (const text of ['down', 'dmp-', 'dmp-no', 'dmp-http-999', 'dmp-down*0', 'dmp-down*', 'dmp-code:'])
    expect(parseFault(text)).toBeUndefined()
})
