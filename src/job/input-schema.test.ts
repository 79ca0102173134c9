import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { argsInvalidError, validateInput } from './input-schema.ts'

function schemaOf(validate: StandardSchemaV1.Props['validate']): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

describe('validateInput', () => {
  const schemas = [z.object({ email: z.email(), tags: z.array(z.string()) }), z.coerce.number().optional()]

  it('answers the outputs at once', () => {
    expect(validateInput(schemas, [{ email: 'a@b.cd', tags: [], extra: 1 }, '5'])).toEqual({
      isValid: true,
      values: [{ email: 'a@b.cd', tags: [] }, 5],
    })
    expect(validateInput([z.string(), z.number().optional()], ['a'])).toEqual({
      isValid: true,
      values: ['a', undefined],
    })
    expect(validateInput([], [])).toEqual({ isValid: true, values: [] })
  })

  it('gathers what is wrong, with paths', () => {
    const result = validateInput(schemas, [{ email: 'x', tags: ['a', 5] }, 'NaN', 'more'])
    expect(result).toMatchObject({
      isValid: false,
      issues: [
        { path: 'args[0].email' },
        { path: 'args[0].tags[1]' },
        { path: 'args[1]' },
        { path: 'args[2]', message: 'there are only 2 parameters' },
      ],
    })
  })

  it('reads every form of path', () => {
    const schema = schemaOf(() => ({
      issues: [{ message: 'a', path: [{ key: 'list' }, { key: 0 }, 'odd key', Symbol('s')] }, { message: 'b' }],
    }))
    expect(validateInput([schema], [1])).toEqual({
      isValid: false,
      issues: [
        { path: 'args[0].list[0]["odd key"][Symbol(s)]', message: 'a' },
        { path: 'args[0]', message: 'b' },
      ],
    })
  })

  it('waits for schemas that answer later', async () => {
    const later = schemaOf(async (value) => ({ value: Number(value) }))
    await expect(validateInput([z.string(), later], ['a', '5'])).resolves.toEqual({ isValid: true, values: ['a', 5] })
    const wrong = z.string().refine(async () => false, 'never')
    await expect(Promise.resolve(validateInput([later], ['5', 'x']))).resolves.toMatchObject({ isValid: false })
    await expect(validateInput([wrong], ['x'])).resolves.toEqual({
      isValid: false,
      issues: [{ path: 'args[0]', message: 'never' }],
    })
  })

  it('throws on what a schema throws', async () => {
    const throws = schemaOf(() => {
      throw new Error('broken schema')
    })
    const rejects = schemaOf(() => Promise.reject(new Error('later')))
    expect(() => validateInput([rejects, throws], [1, 2])).toThrow('broken schema')
    await expect(validateInput([rejects], [1])).rejects.toThrow('later')
  })
})

describe('argsInvalidError', () => {
  it('lists the issues, but not endlessly', () => {
    expect(argsInvalidError('a.b', [{ path: 'args[0].email', message: 'is missing' }])).toMatchObject({
      code: 'ERR_ARGS_INVALID',
      message: 'the args of job "a.b" do not fit its input schemas: args[0].email: is missing',
    })
    const many = Array.from({ length: 100 }, () => ({ path: 'args[0]', message: 'no' }))
    expect(argsInvalidError('a.b', many).message).toContain('; and 80 more')
  })
})
