/**
 * Markdown that strangers wrote, read and made into HTML that does nothing. marked passes raw HTML and any link through, so
 * everything that could act is written here: raw HTML is shown as text, a link leads to http, https, the page itself or to
 * where the caller says, and images are shown as their text.
 */

import { Marked, type RendererObject, type Token, type TokensList } from 'marked'

import { escapeHtml } from './html.ts'

/** A Markdown file, read. */
export interface MarkdownDocument {
  readonly title: string | undefined
  /** Where its links lead, as written, each once. */
  readonly links: readonly string[]
  /** Its words and code, without marks. */
  readonly text: string
  readonly tokens: TokensList
}

/** Answers where a relative link of the document leads, or undefined when it leads nowhere. */
export type LinkResolver = (href: string) => string | undefined

/** Reads a Markdown file; an HTML comment or a block of settings at its start is no content. */
export function readMarkdown(markdown: string): MarkdownDocument {
  const settings = /^---\r?\n([\s\S]*?)\r?\n---\r?\n/.exec(markdown)
  const marked = new Marked()
  const tokens = marked.lexer(markdown.slice(settings?.[0].length ?? 0))
  const links = new Set<string>()
  const texts: string[] = []
  let heading: string | undefined
  // The callback is synchronous, so there is nothing to wait for.
  void marked.walkTokens(tokens, (token) => {
    if (token.type === 'link') links.add(token.href)
    if (token.type === 'heading' && heading === undefined) heading = plainText(token.tokens ?? [])
    if (isText(token)) texts.push(token.text)
  })
  const title = /^title:\s*["']?(.+?)["']?\s*$/m.exec(settings?.[1] ?? '')?.[1] ?? heading
  return { title: title?.trim() === '' ? undefined : title?.trim(), links: [...links], text: texts.join(' '), tokens }
}

/** The links that lead to a file beside the document, without `?…` and `#…`. */
export function relativeLinks(document: MarkdownDocument): string[] {
  const paths = document.links.filter(isRelative).map(pathOfLink)
  return [...new Set(paths)].filter((path) => path !== '')
}

/** The file that a relative link names. */
export function pathOfLink(href: string): string {
  const path = href.replace(/[?#].*$/s, '')
  try {
    return decodeURIComponent(path)
  } catch {
    return path // a stray % is part of the name then
  }
}

/** The document as HTML that may be put into a page. */
export function renderMarkdown(document: MarkdownDocument, resolve: LinkResolver): string {
  return new Marked({ renderer: inertRenderer(resolve) }).parser(document.tokens)
}

function inertRenderer(resolve: LinkResolver): RendererObject {
  const anchors = new Map<string, number>()
  return {
    html: ({ text }) => (/^\s*<!--[\s\S]*?-->\s*$/.test(text) ? '' : escapeHtml(text)),
    text(token) {
      return 'tokens' in token && token.tokens !== undefined
        ? this.parser.parseInline(token.tokens)
        : escapeOnce(token.text)
    },
    codespan: ({ text }) => `<code>${escapeHtml(text)}</code>`,
    code: ({ text }) => `<pre><code>${escapeHtml(text)}</code></pre>\n`,
    heading({ tokens, depth }) {
      const anchor = uniqueAnchor(plainText(tokens), anchors)
      return `<h${depth} id="${escapeHtml(anchor)}">${this.parser.parseInline(tokens)}</h${depth}>\n`
    },
    image: ({ text, tokens }) => {
      const shown = tokens === undefined ? text : plainText(tokens)
      return shown === '' ? '' : `<span class="image">${escapeHtml(shown)}</span>`
    },
    link({ href, tokens }) {
      const shown = this.parser.parseInline(tokens)
      const target = safeTarget(href, resolve)
      if (target === undefined) return `<span class="nowhere" title="${escapeHtml(href)}">${shown}</span>`
      return `<a href="${escapeHtml(target)}" rel="noreferrer">${shown}</a>`
    },
  }
}

/** A scheme in any disguise has a colon before the first slash, so what is no plain http link and has one goes nowhere. */
function safeTarget(href: string, resolve: LinkResolver): string | undefined {
  if (/^https?:\/\//i.test(href) || href.startsWith('#')) return href
  return isRelative(href) ? resolve(href) : undefined
}

function isRelative(href: string): boolean {
  return href !== '' && !/^[#/\\?]/.test(href) && !/^[^/?#]*:/.test(href) && !/[\p{Cc}]/u.test(href)
}

/** Entities that the author wrote stay; anything else that HTML would take for its own is escaped. */
function escapeOnce(text: string): string {
  return text
    .split(/(&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z]\w{1,31});)/i)
    .map((part, index) => (index % 2 === 1 ? part : escapeHtml(part)))
    .join('')
}

function plainText(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'html') return ''
      if ('tokens' in token && token.tokens !== undefined) return plainText(token.tokens)
      return 'text' in token && typeof token.text === 'string' ? token.text : ''
    })
    .join('')
    .trim()
}

function isText(token: Token): token is Token & { readonly text: string } {
  return (
    ['text', 'codespan', 'code', 'escape'].includes(token.type) && !('tokens' in token && token.tokens !== undefined)
  )
}

/** The anchor that GitHub would give a heading, so that tables of contents work. */
function uniqueAnchor(heading: string, anchors: Map<string, number>): string {
  const anchor = heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
  const count = anchors.get(anchor) ?? 0
  anchors.set(anchor, count + 1)
  return count === 0 ? anchor : `${anchor}-${count}`
}
