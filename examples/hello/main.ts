import * as jobs from './jobs.ts'
import runner from './millrace.config.ts'

runner.on('job:exception', ({ attempt, outcome, error }) => {
  console.log(`attempt ${attempt}: ${error.message} (${outcome})`)
})
await runner.start()

const hello = await runner.enqueue(jobs.hello, ['world'])
console.log(await hello.result())

const heavy = await runner.enqueue(jobs.heavy, [27])
console.log(`fibonacci(27) is ${await heavy.result()}`)

const failing = await runner.enqueue(jobs.failing, ['the bank'])
await failing.result().catch(() => {})
console.log(`the failing job is ${(await runner.job(failing.id))?.state}`)

await runner.close()
