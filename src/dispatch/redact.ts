/** Shorter ones stand in every text. */
const CHARACTERS_MIN = 4
const INSTEAD = '[redacted]'

/**
 * An answer's text without what was sent as a secret: each value as it is and as JSON writes it, also where the text was cut
 * in the middle of it.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const written = secrets
    .filter(({ length }) => length >= CHARACTERS_MIN)
    .flatMap((secret) => [...new Set([secret, JSON.stringify(secret).slice(1, -1)])])
    // A longer one may begin with a shorter one.
    .sort((a, b) => b.length - a.length)
  const left = written.reduce((rest, secret) => rest.replaceAll(secret, INSTEAD), text)
  return written.reduce(withoutBegun, left)
}

/** Without the beginning of a secret at the very end. */
function withoutBegun(text: string, secret: string): string {
  for (let length = Math.min(secret.length - 1, text.length); length >= CHARACTERS_MIN; length--)
    if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}${INSTEAD}`
  return text
}
