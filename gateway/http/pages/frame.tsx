import type { Child } from 'hono/jsx'

export interface FrameProps {
  /** of the page, first in the window's title (RGAA 8.6) */
  title: string
  /** shown as the name of the place */
  operator: string
  areas: readonly { path: string; title: string }[]
  /** who is signed in, as he knows himself, and what his forms carry */
  signedIn?: { label: string; formToken: string } | undefined
  path: string
  children?: Child
}

/**
 * What htmx may do: no eval, no style of its own, nothing kept of a page in the browser's storage, our own origin alone.
 * An answer 4xx or 5xx changes nothing on the page.
 */
const HTMX = JSON.stringify({
  allowEval: false,
  includeIndicatorStyles: false,
  historyEnabled: false,
  historyCacheSize: 0,
  selfRequestsOnly: true,
})

/** The frame of every page: landmarks, a link past the navigation, who is signed in. */
export function Frame({ title, operator, areas, signedIn, path, children }: FrameProps) {
  return (
    <html lang="fr">
      <head>
        <meta charset="utf-8" />
        <title>{`${title} – ${operator}`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <meta name="htmx-config" content={HTMX} />
        <link rel="stylesheet" href="/style.css" />
        <link rel="icon" href="/icone.svg" type="image/svg+xml" />
        <script src="/htmx.js" defer />
      </head>
      <body>
        <a class="skip" href="#contenu">
          Aller au contenu
        </a>
        <header>
          <p class="place">
            <strong>Pli</strong> <span>{operator}</span>
          </p>
          {signedIn && (
            <>
              <nav aria-label="Principale">
                <ul>
                  {areas.map(area => (
                    <li>
                      <a href={area.path} aria-current={isWithin(path, area.path) ? 'page' : undefined}>
                        {area.title}
                      </a>
                    </li>
                  ))}
                </ul>
              </nav>
              <form method="post" action="/deconnexion" class="who">
                <input type="hidden" name="jeton" value={signedIn.formToken} />
                <span>{signedIn.label}</span>
                <button type="submit" class="quiet">
                  Se déconnecter
                </button>
              </form>
            </>
          )}
        </header>
        <main id="contenu" tabindex={-1}>
          {children}
        </main>
      </body>
    </html>
  )
}

function isWithin(path: string, area: string): boolean {
  return path === area || path.startsWith(`${area}/`)
}
