/** Passwords in URLs never reach a screen or a log. */

/** Replaces the password of each URL in `text` by `***`. */
export function maskPasswords(text: string): string {
  return (
    text
      // As far as the last @: a password that was not escaped may hold any other character, slashes and @ included.
      .replace(/(\b[a-z][a-z\d+.-]{0,30}:\/\/[^\s:/?#@]{0,256}:)[^\s"]{1,512}@/gi, '$1***@')
      .replace(/((?:[?&\s]|^)(?:password|passwd|pwd|token|secret|sslpassword)=)[^\s&#"']+/gi, '$1***')
  )
}
