import { describe, expect, it } from 'vitest'

import { jsonDocument } from './json.ts'

describe('jsonDocument', () => {
  it('has the version first', () => {
    expect(jsonDocument({ jobs: [] })).toBe('{"version":1,"jobs":[]}')
  })
})
