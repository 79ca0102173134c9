// A stage that writes a file through a stream of Node.js: text goes through gzip and into the file, at the pace of the disk.
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createGunzip, createGzip } from 'node:zlib'
import { intoWritable, producer, System, throughTransform } from 'millrace/stage'

const lines = producer<string>((self) => {
  let line = 0
  return {
    handleDemand: (demand) => {
      const batch = Array.from({ length: Math.min(demand, 5000 - line) }, () => `line ${++line}\n`)
      if (line === 5000) self.ref.asyncInfo('done')
      return batch
    },
    handleInfo: () => self.stop(),
  }
})

const folder = mkdtempSync(join(tmpdir(), 'millrace-lines-'))
const path = join(folder, 'lines.txt.gz')

const gzip = throughTransform<string, Buffer>({
  open: () => createGzip(),
  subscribeTo: [{ to: lines, maxDemand: 100 }],
})
const file = intoWritable<Buffer>({ open: () => createWriteStream(path), subscribeTo: [{ to: gzip, maxDemand: 10 }] })

const system = new System()
await system.start(lines)
await system.start(gzip)
const writing = await system.start(file)
// The stage ends when its source has ended and the file is flushed.
const reason = await new Promise((resolve) => writing.monitor(resolve))
await system.stop()

let count = 0
let last = ''
for await (const line of createInterface({ input: createReadStream(path).pipe(createGunzip()) })) {
  count++
  last = line
}
rmSync(folder, { recursive: true })
console.log(`the stage ended: ${String(reason)}`)
console.log(`${count} lines, the last is "${last}"`)
// prints: the stage ended: normal
// prints: 5000 lines, the last is "line 5000"
