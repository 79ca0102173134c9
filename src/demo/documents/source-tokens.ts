/** Source text cut into tokens, so that two files can be compared whatever their spaces and comments are. */

const TOKENS =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|(?<word>[A-Za-z_$][\w$]*)|(?<number>\d[\w.]*)|(?<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|(?<mark>[^\s\w])/g

/** The tokens of a JavaScript or TypeScript file. Comments are left out, numbers and texts are all alike. */
export function tokensOf(source: string): string[] {
  const tokens: string[] = []
  for (const { groups } of source.matchAll(TOKENS)) {
    const token = groups?.['word'] ?? groups?.['mark']
    if (token !== undefined) tokens.push(token)
    else if (groups?.['number'] !== undefined) tokens.push('0')
    else if (groups?.['text'] !== undefined) tokens.push('""')
  }
  return tokens
}
