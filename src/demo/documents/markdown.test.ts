import { describe, expect, it } from 'vitest'

import { readMarkdown, relativeLinks, renderMarkdown } from './markdown.ts'

const nowhere = (): undefined => undefined
const render = (markdown: string): string => renderMarkdown(readMarkdown(markdown), nowhere)

describe('readMarkdown', () => {
  it('takes the title from the first heading', () => {
    expect(readMarkdown('intro\n\n# The *great* `tool`\n\n## Use').title).toBe('The great tool')
  })

  it('prefers the title of a block of settings, which is no content', () => {
    const document = readMarkdown('---\ntitle: npm-ci\nsection: 1\n---\n\n### Synopsis\n')
    expect(document.title).toBe('npm-ci')
    expect(document.text).not.toContain('section')
  })

  it('has no title without a heading', () => {
    expect(readMarkdown('only text').title).toBeUndefined()
  })

  it('gathers text and code once, without marks', () => {
    expect(readMarkdown('a **bold** word\n\n```js\nlet x\n```').text.split(/\s+/)).toEqual([
      'a',
      'bold',
      'word',
      'let',
      'x',
    ])
  })

  it('keeps the relative links apart, without queries and fragments', () => {
    const links =
      '[a](docs/a.md#x) [b](./b%20c.md?y) [c](https://x.org) [d](#d) [e](/root) [f](mailto:x@y.z) [g](docs/a.md)'
    expect(relativeLinks(readMarkdown(links))).toEqual(['docs/a.md', './b c.md'])
  })
})

describe('renderMarkdown', () => {
  it('renders headings with the anchors of GitHub, tables, lists and code', () => {
    const html = render('# API Docs\n\n# API Docs\n\n| a |\n|---|\n| b |\n\n- [x] done\n\n```js\na < b\n```')
    expect(html).toContain('<h1 id="api-docs">API Docs</h1>')
    expect(html).toContain('<h1 id="api-docs-1">')
    expect(html).toContain('<td>b</td>')
    expect(html).toContain('a &lt; b')
  })

  it('leads links to where the caller says, and those that lead nowhere to nowhere', () => {
    const html = renderMarkdown(readMarkdown('[here](a.md) [there](b.md)'), (href) =>
      href === 'a.md' ? 'a.html' : undefined,
    )
    expect(html).toContain('<a href="a.html" rel="noreferrer">here</a>')
    expect(html).toContain('<span class="nowhere" title="b.md">there</span>')
  })

  it.each([
    '<script>alert(1)</script>',
    'text <script src="//evil.example/x.js"></script> text',
    '<img src=x onerror=alert(1)>',
    'inline <img src=x onerror="alert(1)"> image',
    '<pre>\n<b onclick=alert(1)> & < raw text',
    'a <pre>inline <svg/onload=alert(1)></pre>',
    '<!-- --><script>alert(1)</script><!-- -->',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java&#10;script:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](<java\tscript:alert(1)>)',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:msgbox(1))',
    '[x](//evil.example)',
    '<javascript:alert(1)>',
    '![" onerror="alert(1)](x)',
    '![x](x "\\" onerror=\\"alert(1)")',
    '[x](https://a.example/"onmouseover="alert(1))',
    '[x][1]\n\n[1]: javascript:alert(1) "title"',
    '`<script>alert(1)</script>`',
    '```"><script>alert(1)</script>\nx\n```',
    '# <img src=x onerror=alert(1)>',
    '| <script>alert(1)</script> |\n|---|\n| <iframe src=javascript:alert(1)> |',
    '- [ ] <script>alert(1)</script>',
    '&lt;script&gt;alert(1)&lt;/script&gt;',
  ])('lets nothing act in %j', (markdown) => {
    const tags = [...render(markdown).matchAll(/<[^>]*>/g)].map(([tag]) => tag)
    for (const tag of tags) {
      expect(tag).toMatch(
        /^<(?:\/?(?:p|pre|code|ul|li|h1|table|thead|tbody|tr|th|td|a|span)|input disabled="" type="checkbox"|(?:a href="https:\/\/[^"<>]*" rel="noreferrer")|(?:span class="(?:image|nowhere)"(?: title="[^"<>]*")?)|(?:h1 id="[^"<>]*"))>$/,
      )
    }
  })
})
