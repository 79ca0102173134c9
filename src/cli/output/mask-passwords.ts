/** Passwords in URLs never reach a screen or a log. */

/** Replaces the password of each URL in `text` by `***`. */
export function maskPasswords(text: string): string {
  return text
    .replace(/(\b[a-z][a-z\d+.-]{0,30}:\/\/[^\s:/?#@]{0,256}:)[^\s/]{1,512}@/gi, '$1***@')
    .replace(/([?&](?:password|passwd|pwd|token|secret)=)[^\s&#"']+/gi, '$1***')
}
