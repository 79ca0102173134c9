import { describe, expect, it } from 'vitest'

import { readCarrier, writeCarrier } from './trace-carrier.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('a stored trace context', () => {
  it('is read as it was written', () => {
    const carrier = { traceparent, tracestate: 'a=1', baggage: 'user=7' }
    expect(readCarrier(writeCarrier(carrier) ?? '')).toEqual(carrier)
  })

  it('is none where nothing is traced', () => {
    expect(writeCarrier({})).toBeNull()
  })

  it('leaves out what is too long, and keeps what the trace needs', () => {
    const text = writeCarrier({ traceparent, baggage: 'x'.repeat(3_000) })
    expect(readCarrier(text ?? '')).toEqual({ traceparent })
    expect(writeCarrier({ baggage: 'x'.repeat(3_000) })).toBeNull()
  })

  it.each(['', 'no json', 'null', '[1]', '{"traceparent":7}'])('is empty where the text is %j', (text) => {
    expect(Object.values(readCarrier(text))).toEqual([])
  })
})
