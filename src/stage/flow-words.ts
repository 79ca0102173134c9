/** Numbers and lists in words, for texts about pipelines. */

/** A number with its thousands apart. */
export function count(number: number): string {
  return number.toLocaleString('en-US')
}

/** A share of 0 to 1. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** Events per second: one decimal below ten. */
export function rate(perSecond: number): string {
  return perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : count(Math.round(perSecond))
}

/** So many events. */
export function events(number: number): string {
  return number === 1 ? '1 event' : `${count(number)} events`
}

/** So many events that wait. */
export function waitingEvents(number: number): string {
  return `${events(number)} ${number === 1 ? 'waits' : 'wait'}`
}

/** Parts of a sentence, or names, one after the other. */
export function list(parts: readonly string[]): string {
  const last = parts.at(-1) ?? ''
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`
}
