export { type Explanation, explain } from './explain.ts'
export type { Line } from './line.ts'
export type { ExplainRequest } from './request.ts'
