/** HTML text. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** `text` as it may stand between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

/** Options of {@link htmlPage}. */
export interface HtmlPageOptions {
  readonly title: string
  /** HTML that is safe already. */
  readonly body: string
  /** File names of scripts beside the page. Default: none may run. */
  readonly scripts?: readonly string[] | undefined
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --dim: #8a8a8a; --link: #2f7bd9 }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
a { color: var(--link) } h1, h2, h3 { line-height: 1.25 }
pre, code { font-family: ui-monospace, monospace; font-size: .875em }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .375rem }
table { border-collapse: collapse } td, th { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left }
blockquote { margin-left: 0; padding-left: 1rem; border-left: .25rem solid var(--line) }
input[type=search] { font: inherit; width: 100%; padding: .5rem .75rem; box-sizing: border-box }
.dim, .image, .nowhere { color: var(--dim) } .nowhere { text-decoration: line-through }
li small { display: block; color: var(--dim) }
`

/**
 * A whole page. Its policy lets nothing run and nothing be loaded but its own style and the named scripts, so even a mistake
 * in escaping could not do harm. `file:` stands for the page's own folder when it is opened from the disk.
 */
export function htmlPage({ title, body, scripts = [] }: HtmlPageOptions): string {
  const scriptSource = scripts.length === 0 ? "'none'" : "'self' file:"
  const policy = `default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src ${scriptSource}`
  const tags = scripts.map((name) => `<script src="${escapeHtml(name)}"></script>\n`).join('')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
<body>
${body}
${tags}</body>
</html>
`
}
