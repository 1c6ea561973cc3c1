import type { Context } from 'hono'
import type { Child } from 'hono/jsx'

/** Who looks at the pages, as the shell has found out. */
export interface Visitor {
  /** for orders and the audit log: `console:maud`, `console:8…` */
  by: string
  /** the boxes whose filings he sees; undefined: all, for an operator */
  boxes: readonly string[] | undefined
  /** may see title and patient of a document */
  mayRead: boolean
}

/** What the shell gives to each page. */
export interface PageEnv {
  Variables: {
    visitor: Visitor
    /** goes into each form as `jeton` */
    formToken: string
  }
}

export type PageContext = Context<PageEnv>

declare module 'hono' {
  interface ContextRenderer {
    /** Puts a page into the frame of the shell: head, landmarks, navigation. */
    // biome-ignore lint/style/useShorthandFunctionType: the form that Hono asks for
    (content: Child, props: { title: string }): Response | Promise<Response>
  }
}
