/** The files that the demo works on. */

/** What a file is to the demo. */
export const INPUT_KINDS = ['page', 'manifest', 'source'] as const

/** One of {@link INPUT_KINDS}. */
export type InputKind = (typeof INPUT_KINDS)[number]

/** A file that was found on this machine. */
export interface InputFile {
  /** Its place in the list of all inputs; the search index counts documents by it. */
  readonly number: number
  readonly kind: InputKind
  /** For people, with `/`: `node_modules/commander/Readme.md`. */
  readonly path: string
  /** Where it is. */
  readonly file: string
  /** The npm package that it belongs to. */
  readonly package: string
}

/** A job about an input; what it writes goes into `folder`. */
export type InputJob<Result> = (input: InputFile, folder: string) => Promise<Result>

/** What a file is, by its name; undefined when the demo has no use for it. */
export function kindOf(name: string): InputKind | undefined {
  if (/\.md$/i.test(name)) return 'page'
  if (name === 'package.json') return 'manifest'
  if (/\.(?:js|ts|mjs|cjs)$/.test(name)) return 'source'
  return undefined
}

/** The package that a path with `/` lies in: what follows the last `node_modules`. */
export function packageOf(path: string): string {
  const parts = path.split('/')
  const [scope = '', name = ''] = parts.slice(parts.lastIndexOf('node_modules') + 1)
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

/** The file name of the page that is made of a Markdown file: readable, and unique even where names differ only in case. */
export function pageNameOf(path: string): string {
  const slug = path
    .replace(/^node_modules\//, '')
    .replace(/\.md$/i, '')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(-80)
  return `${slug.toLowerCase()}-${shortHash(path)}.html`
}

/** FNV-1a of 32 bits, as text. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(36)
}
