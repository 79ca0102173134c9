import { expect, it } from 'vitest'

import { escapeHtml, htmlPage } from './html.ts'

it('escapes all that HTML takes for its own', () => {
  expect(escapeHtml(`<a href="x" title='y'>&`)).toBe('&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;')
})

it('makes pages in which nothing may run', () => {
  const page = htmlPage({ title: '</title><script>', body: '' })
  expect(page).toContain('<title>&lt;/title&gt;&lt;script&gt;</title>')
  expect(page).toContain("default-src 'none'")
  expect(page).toContain("script-src 'none'")
})

it('lets only named scripts run', () => {
  const page = htmlPage({ title: 'x', body: '', scripts: ['search.js'] })
  expect(page).toContain(`script-src 'self' file:"`)
  expect(page).toContain('<script src="search.js"></script>')
})
