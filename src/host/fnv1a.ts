/** FNV-1a, 32 bit, over UTF-16 units: a quick hash that is the same everywhere, and no secret. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
