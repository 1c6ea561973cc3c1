export { FhirFault, type FhirReason } from './fault.ts'
export { type Fhir, type FhirOptions, openFhir } from './open.ts'
