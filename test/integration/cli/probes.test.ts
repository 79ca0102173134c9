/** `millrace start --probe-port`: what an orchestrator sees of a worker, from its start to its end. */

import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { readMetrics } from '../../support/prometheus.ts'
import type { RunningProgram } from '../../support/running-program.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'
import { cliProject, DATABASES, type CliProject } from './cli-project.ts'

/** Starts a worker with probes; answers where they are. */
async function aProbedWorker(project: CliProject, ...args: string[]): Promise<{ worker: RunningProgram; url: string }> {
  const worker = project.start(['start', '--json', '--probe-port', '0', ...args])
  const [, url = ''] = await worker.saw(/"event":"started".*"probes":"([^"]+)"/)
  return { worker, url }
}

const ask = async (url: string): Promise<{ status: number; body: string }> => {
  const answer = await fetch(url)
  return { status: answer.status, body: await answer.text() }
}

const statusOf = async (url: string): Promise<number> => (await ask(url)).status

describe.each(DATABASES)('millrace start --probe-port on %s', (_name, environment) => {
  it('serves probes and metrics of a worker until it has stopped; it is unready while it drains', async () => {
    const project = cliProject(await environment())
    const { worker, url } = await aProbedWorker(project)
    expect(await ask(`${url}/livez`)).toEqual({ status: 200, body: '{"live":true}\n' })
    expect(await ask(`${url}/readyz`)).toEqual({ status: 200, body: '{"ready":true}\n' })
    await project.run(['enqueue', 'work.echo', '--args', '[1]', '--wait'])
    const metrics = readMetrics((await ask(`${url}/metrics`)).body)
    const echo = { queue: 'default', name: 'work.echo', outcome: 'completed' }
    expect(metrics.value('millrace_attempts_total', echo)).toBe(1)
    expect(metrics.value('millrace_nodes', { state: 'alive' })).toBe(1)
    expect(metrics.value('millrace_queue_depth', { queue: 'default' })).toBe(0)
    const scaling = await ask(`${url}/scaling`)
    expect(scaling.status).toBe(200)
    expect(JSON.parse(scaling.body)).toMatchObject({ wantedReplicas: 0, queues: { default: { wantedReplicas: 0 } } })

    await project.run(['enqueue', 'work.untilOpen'])
    const handlers = async (): Promise<number> =>
      readMetrics((await ask(`${url}/metrics`)).body).value('millrace_worker_handlers')
    await eventually(async () => (await handlers()) === 1)
    worker.child.kill('SIGTERM')
    await worker.saw('"event":"stopping"')
    expect(await statusOf(`${url}/livez`)).toBe(200)
    const unready = await ask(`${url}/readyz`)
    expect(unready).toMatchObject({ status: 503, body: expect.stringContaining('the runner is stopping') as string })
    project.write('open', '')
    expect((await worker.ended).code).toBe(0)
    await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed')
  }, 60_000)
})

describe('millrace start --probe-port', () => {
  it('is live and unready while the database is away, says so in its metrics, and is ready when it is back', async () => {
    const direct = (await postgresDatabase()).url
    const proxy = await startTcpProxy({ port: Number(new URL(direct).port) })
    onTestFinished(() => proxy.close())
    const { url } = await aProbedWorker(cliProject({ DATABASE_URL: proxy.url(direct) }))
    expect(await statusOf(`${url}/readyz`)).toBe(200)
    await proxy.refuse()
    proxy.cut()
    const away = await eventually(async () => {
      const answer = await ask(`${url}/readyz`)
      return answer.status === 503 && answer
    })
    expect(away.body).toMatch(/the store (is away \(ERR_STORE_UNAVAILABLE\)|did not answer)/)
    expect(away.body).not.toMatch(/127\.0\.0\.1|ECONNREFUSED/)
    expect(await statusOf(`${url}/livez`)).toBe(200)
    // No number, rather than one that would end processes.
    expect(await statusOf(`${url}/scaling`)).toBe(503)
    const metrics = readMetrics((await ask(`${url}/metrics`)).body)
    expect(metrics.value('millrace_store_up')).toBe(0)
    expect(metrics.value('millrace_worker_running')).toBe(1)
    expect(metrics.families.some(({ name }) => name === 'millrace_queue_depth')).toBe(false)
    await proxy.heal()
    await eventually(async () => (await statusOf(`${url}/readyz`)) === 200, { withinMs: 20_000 })
  }, 90_000)

  it('counts the rescue of a worker that was killed', async () => {
    const project = cliProject()
    const { worker } = await aProbedWorker(project)
    await project.run(['enqueue', 'work.untilOpen'])
    await eventually(async () => (await project.json(['ls', '--state', 'running'])).document.jobs[0]?.startedAt)
    worker.child.kill('SIGKILL')
    await worker.ended
    const { url } = await aProbedWorker(project)
    await eventually(async () => {
      const metrics = readMetrics((await ask(`${url}/metrics`)).body)
      return metrics.value('millrace_rescued_jobs_total', { end: 'requeued' }) === 1
    })
    expect(existsSync(join(project.folder, 'open'))).toBe(false)
    project.write('open', '')
  }, 60_000)

  it('listens on this machine only, and where --probe-host says', async () => {
    const project = cliProject()
    const { url } = await aProbedWorker(project)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const other = await aProbedWorker(project, '--probe-host', '127.0.0.2')
    expect(other.url).toMatch(/^http:\/\/127\.0\.0\.2:\d+$/)
    expect(await statusOf(`${other.url}/readyz`)).toBe(200)
  })

  it('shows where they are on the first screen', async () => {
    const worker = await cliProject().worker('--probe-port', '0')
    await worker.saw(/probes\s+http:\/\/127\.0\.0\.1:\d+\/livez, \/readyz, \/metrics, \/scaling/)
  })

  it('starts nothing when the port is taken, or no port, or without one', async () => {
    const project = cliProject()
    const taken = createServer()
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    onTestFinished(() => void taken.close())
    expect(await project.json(['start', '--probe-port', `${port}`])).toMatchObject({
      code: 1,
      document: { error: { code: 'ERR_PROBES_LISTEN', message: expect.stringContaining('another program') as string } },
    })
    expect(await project.json(['start', '--probe-port', '70000'])).toMatchObject({
      code: 1,
      document: { error: { code: 'ERR_PROBES_LISTEN', message: expect.stringContaining('70000') as string } },
    })
    expect(await project.run(['start', '--probe-port', 'x'])).toMatchObject({ code: 2 })
    expect(await project.run(['start', '--probe-host', 'localhost'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--probe-port') as string,
    })
  })
})
