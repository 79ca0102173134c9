// Writes the .sql files of a migrations folder into embedded.ts beside them, so that the package reads no files at run time.
// Usage: node scripts/embed-sql.mjs [--check]     --check changes nothing and exits 1 when a generated file is stale.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const isCheck = process.argv.includes('--check')
const stores = fileURLToPath(new URL('../src/store/', import.meta.url))
let stale = 0

for (const store of readdirSync(stores)) {
  const folder = `${stores}${store}/migrations`
  if (!existsSync(folder)) continue
  const target = `${folder}/embedded.ts`
  const text = embed(folder)
  if (existsSync(target) && readFileSync(target, 'utf8') === text) continue
  if (isCheck) {
    stale += 1
    console.error(`${target} is stale; run: node scripts/embed-sql.mjs`)
  } else {
    writeFileSync(target, text)
  }
}
if (stale > 0) process.exitCode = 1

function embed(folder) {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
  const migrations = files.map((file, index) => {
    const version = Number(file.slice(0, 4))
    if (version !== index + 1)
      throw new Error(`${folder}/${file} must be number ${index + 1}: migrations are numbered without gaps`)
    const sql = readFileSync(`${folder}/${file}`, 'utf8')
      .trimEnd()
      .replaceAll('\\', '\\\\')
      .replaceAll('`', '\\`')
      .replaceAll('${', '\\${')
    return `  {\n    version: ${version},\n    name: '${file.slice(0, -'.sql'.length)}',\n    sql: \`${sql}\`,\n  },\n`
  })
  return `/** Generated from the .sql files of this folder by scripts/embed-sql.mjs; do not edit. */

/** A step of the schema. Steps are append-only: a released one never changes. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

/** All steps, in order. */
export const MIGRATIONS: readonly Migration[] = [
${migrations.join('')}]
`
}
