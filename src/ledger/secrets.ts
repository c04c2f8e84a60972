import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { VolleyError } from '../errors.ts'

/** Keeps texts that must be readable again, such as webhook secrets, unreadable at rest. */
export interface SecretBox {
  seal(text: string): Buffer
  /** Throws `config_invalid` where the text was sealed with another key or has been changed. */
  open(sealed: Buffer): string
}

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + NONCE_BYTES

/** AES-256-GCM with this key of 32 bytes. A sealed text is: version, nonce, ciphertext, tag. */
export function secretBox(key: Buffer): SecretBox {
  if (key.length !== 32) throw new VolleyError('config_invalid', 'VOLLEY_SECRET_KEY: expected 32 bytes')
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([Buffer.of(VERSION), nonce, body, cipher.getAuthTag()])
    },
    open(sealed) {
      if (sealed.length < HEAD_BYTES + TAG_BYTES || sealed[0] !== VERSION)
        throw new VolleyError('config_invalid', 'A stored secret has a form that this version cannot read')
      const nonce = sealed.subarray(1, HEAD_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
      try {
        const body = decipher.update(sealed.subarray(HEAD_BYTES, -TAG_BYTES))
        return Buffer.concat([body, decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new VolleyError(
          'config_invalid',
          'A stored secret cannot be opened: VOLLEY_SECRET_KEY is not the key that it was sealed with',
          { cause },
        )
      }
    },
  }
}
