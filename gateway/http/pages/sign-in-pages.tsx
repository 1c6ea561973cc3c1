/** What is said when a sign-in did not succeed; never which part of it was wrong. */
export const SIGN_IN_FAULTS = {
  wrong: 'Le nom, le mot de passe ou le code est faux, ou ce code a déjà servi. Attendez le code suivant avant de réessayer.',
  throttled: 'Trop d’essais ont échoué. Attendez quelques minutes avant de réessayer.',
  'psc-failed': 'Pro Santé Connect n’a pas confirmé votre identité. Recommencez ; si l’erreur persiste, prévenez l’opérateur.',
  'psc-away': 'Pro Santé Connect ne répond pas. Réessayez dans quelques minutes.',
  'no-box': 'Votre identité est confirmée, mais vous n’avez aucune boîte aux lettres chez cet opérateur.',
  ended: 'Votre session a pris fin. Connectez-vous de nouveau.',
} as const
export type SignInFault = keyof typeof SIGN_IN_FAULTS

export function SignInPage({
  formToken,
  fault,
  hasPsc,
  name,
}: {
  formToken: string
  fault?: SignInFault | undefined
  hasPsc: boolean
  name?: string
}) {
  return (
    <div class="narrow">
      <h1>Connexion</h1>
      {fault && (
        <p class="alert" role="alert" id="faute">
          {SIGN_IN_FAULTS[fault]}
        </p>
      )}
      {hasPsc && (
        <section aria-labelledby="pro">
          <h2 id="pro">Professionnels de santé</h2>
          <p>Avec votre carte CPS ou l’application e-CPS.</p>
          <p>
            <a class="button" href="/connexion/psc">
              S’identifier avec Pro Santé Connect
            </a>
          </p>
        </section>
      )}
      <section aria-labelledby="operateur">
        <h2 id="operateur">Opérateur</h2>
        <form method="post" action="/connexion" aria-describedby={fault ? 'faute' : undefined}>
          <input type="hidden" name="jeton" value={formToken} />
          <label for="nom">Nom</label>
          <input id="nom" name="nom" autocomplete="username" autocapitalize="none" spellcheck={false} required value={name} />
          <label for="mot-de-passe">Mot de passe</label>
          <input id="mot-de-passe" name="mot-de-passe" type="password" autocomplete="current-password" required />
          <label for="code">Code</label>
          <input id="code" name="code" autocomplete="one-time-code" spellcheck={false} required aria-describedby="aide-code" />
          <p class="hint" id="aide-code">
            Les six chiffres de votre application d’authentification. Téléphone perdu : la phrase de secours, une seule fois.
          </p>
          <button type="submit">Se connecter</button>
        </form>
      </section>
    </div>
  )
}

export function FaultPage({ title, text }: { title: string; text: string }) {
  return (
    <div class="narrow">
      <h1>{title}</h1>
      <p>{text}</p>
      <p>
        <a href="/">Retour à l’accueil</a>
      </p>
    </div>
  )
}
