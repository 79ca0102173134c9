import { expect, it } from 'vitest'

import { maskPasswords } from './mask-passwords.ts'

it.each([
  ['postgres://user:secret@host/db', 'postgres://user:***@host/db'],
  ['postgres://:secret@host/db', 'postgres://:***@host/db'],
  ['postgres://user:se@cret@host/db', 'postgres://user:***@host/db'],
  ['postgresql://user:se/cr?e#t@host:5432/db?sslmode=require', 'postgresql://user:***@host:5432/db?sslmode=require'],
  ['"postgres://u:p@h","ann@example.org"', '"postgres://u:***@h","ann@example.org"'],
  ['host=db user=u password=secret dbname=d', 'host=db user=u password=*** dbname=d'],
  ['cannot reach postgres://u:p@h and postgres://u:q@h', 'cannot reach postgres://u:***@h and postgres://u:***@h'],
  ['postgres://host/db?user=u&password=secret', 'postgres://host/db?user=u&password=***'],
  ['sqlite:./millrace.db', 'sqlite:./millrace.db'],
  ['https://example.org/a@b', 'https://example.org/a@b'],
  ['mail ann@example.org at 10:30', 'mail ann@example.org at 10:30'],
])('%s becomes %s', (text, masked) => {
  expect(maskPasswords(text)).toBe(masked)
})
