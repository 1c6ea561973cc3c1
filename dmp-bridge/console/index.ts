/** The room's second door: its pages. Apart from the first, so that a command without pages does not load what renders them. */

export { type Figures, openFigures } from './figures.ts'
export { type DmpState, figuresPages } from './figures-page.tsx'
export type { LedgerLine } from './filing-page.tsx'
export { type HoldPagesOptions, holdPages } from './hold-pages.tsx'
export type { PageEnv, Visitor } from './page.ts'
export { type FilingPagesOptions, filingPages } from './pages.tsx'
