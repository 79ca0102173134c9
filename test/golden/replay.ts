/** Performs a scenario's steps on a real system and writes down what each stage logged during each step. */

import { nodeHost, type LogRecord } from '../../src/host/host.ts'
import {
  ExitError,
  RunnerError,
  supervisor,
  System,
  type ConsumerRef,
  type ConsumerSupervisorRef,
  type ExitReason,
  type ProcessRef,
  type StageRef,
  type Subscription,
  type SupervisorStrategy,
} from '../../src/stage/index.ts'
import type { Entry, Scenario, StageSpec, Step, StepTrace, SubscribeToSpec } from './scenario.ts'
import { reasonOf, stageOf, subscriptionRequest } from './stages.ts'

/** The codes that GenStage logs too; the library's other lines have no counterpart in the files. */
const RECORDED_CODES = [
  'excess_events',
  'demand_over_max',
  'stopping_on_cancel',
  'consumer_cannot_dispatch',
  'producer_not_alive',
  'invalid_subscription_option',
  'not_a_consumer',
  'demand_mode_not_a_producer',
  'buffered_count_not_a_producer',
  'already_subscribed',
]

const STRATEGIES: Readonly<Record<string, SupervisorStrategy>> = {
  one_for_one: 'oneForOne',
  rest_for_one: 'restForOne',
  one_for_all: 'oneForAll',
}

const START_ERRORS: Readonly<Record<string, string>> = {
  ERR_BAD_OPTIONS: 'bad_opts',
  ERR_NOT_A_CONSUMER: 'not_a_consumer',
}

export async function replay(scenario: Scenario): Promise<readonly StepTrace[]> {
  const player = new Player(scenario)
  const trace: StepTrace[] = []
  for (const step of scenario.steps) trace.push(await player.play(step))
  await player.stop()
  return trace
}

class Player {
  readonly #specs: ReadonlyMap<string, StageSpec>
  readonly #system: System
  readonly #refs = new Map<string, StageRef>()
  readonly #children = new Map<unknown, ProcessRef>()
  readonly #subscriptions = new Map<string, Subscription>()
  #log: Record<string, Entry[]> = {}

  constructor(scenario: Scenario) {
    this.#specs = new Map(scenario.stages.map((spec) => [spec.name, spec]))
    this.#system = new System({ host: nodeHost({ logger: { log: (record) => this.#logged(record) } }) })
  }

  async play(step: Step): Promise<StepTrace> {
    this.#log = {}
    const result = await this.#perform(step)
    await this.#system.idle()
    // A stage that did not start was never there: its start answered why.
    if (step.do === 'start' && result !== 'ok') this.#forgetExit(String(step['stage']))
    return result === undefined ? { log: this.#log } : { result, log: this.#log }
  }

  stop(): Promise<void> {
    this.#log = {} // the end of the last step is the end of the trace
    return this.#system.stop()
  }

  async #perform(step: Step): Promise<unknown> {
    switch (step.do) {
      case 'start':
        return this.#start(String(step['stage']))
      case 'startSupervisor':
        return this.#startSupervisor(step)
      case 'subscribe':
        return this.#subscribe(step)
      case 'resubscribe': {
        const replaced = this.#subscription(step['replaces'])
        const request = subscriptionRequest(step as unknown as SubscribeToSpec)
        await this.#system.resubscribe(replaced, step['reason'] as ExitReason, request)
        return 'ok'
      }
      case 'ask':
        return this.#subscription(step['sub']).ask(Number(step['n']))
      case 'cancel':
        return this.#subscription(step['sub']).cancel(step['reason'] as ExitReason)
      case 'emit':
        return this.#emit(step)
      case 'info': {
        const ref = this.#ref(step['stage'])
        if (step['mode'] === 'async') return ref.asyncInfo(step['message'])
        return ref.syncInfo(step['message'])
      }
      case 'setDemand':
        return this.#ref(step['stage']).demand(step['mode'] as 'forward' | 'accumulate')
      case 'getDemand':
        return this.#ref(step['stage']).demand()
      case 'bufferedCount':
        return this.#ref(step['stage']).estimateBufferedCount()
      case 'stop':
        return this.#ref(step['stage']).stop(step['reason'] as ExitReason)
      case 'kill':
        return this.#ref(step['stage']).kill()
      case 'childExit':
        return this.#children.get(step['child'])?.stop(step['reason'] as ExitReason)
      case 'countChildren': {
        // Only a consumer supervisor is asked for its children.
        const { active, workers } = await (this.#ref(step['stage']) as ConsumerSupervisorRef<unknown>).countChildren()
        return { active, workers }
      }
      case 'streamTake':
        return this.#streamTake(step)
      case 'alive':
        return Object.fromEntries([...this.#specs.keys()].map((name) => [name, this.#isAlive(name)]))
      case 'batch':
        await Promise.all((step['steps'] as readonly Step[]).map((part) => this.#perform(part)))
        return undefined
      default:
        throw new Error(`no step ${step.do}`)
    }
  }

  async #start(name: string): Promise<unknown> {
    try {
      const definition = stageOf(this.#spec(name), this)
      // The scenario's definitions are of stages, so what starts is a stage.
      const ref = (await this.#system.start(definition, { name })) as StageRef
      this.#refs.set(name, ref)
      // An enumerable has no callbacks of ours to say so itself.
      if (this.#spec(name).kind === 'enumerable') ref.monitor((reason) => this.write(name, 'exit', reasonOf(reason)))
      return 'ok'
    } catch (error) {
      return { error: error instanceof ExitError ? reasonOf(error.reason) : reasonOf(error) }
    }
  }

  async #startSupervisor(step: Step): Promise<unknown> {
    const names = step['children'] as readonly string[]
    const definition = supervisor({
      strategy: STRATEGIES[String(step['strategy'])] ?? 'oneForOne',
      maxRestarts: step['maxRestarts'] as number | undefined,
      maxSeconds: step['maxSeconds'] as number | undefined,
      children: names.map((name) => ({ id: name, name, start: stageOf(this.#spec(name), this) })),
    })
    const ref = await this.#system.start(definition, { name: String(step['as']) })
    ref.monitor((reason) => this.write(String(step['as']), 'exit', reasonOf(reason)))
    return 'ok'
  }

  async #subscribe(step: Step): Promise<unknown> {
    const request = subscriptionRequest(step as unknown as SubscribeToSpec)
    try {
      // A scenario subscribes producers as well, to see them refused.
      const consumer = this.#ref(step['consumer']) as ConsumerRef<unknown>
      await this.#system.subscribe(consumer, request, { async: step['async'] === true })
      return 'ok'
    } catch (error) {
      if (error instanceof RunnerError) return { error: START_ERRORS[error.code] ?? error.code }
      throw error
    }
  }

  async #streamTake(step: Step): Promise<unknown> {
    const requests = (step['from'] as readonly SubscribeToSpec[]).map(subscriptionRequest)
    const items: unknown[] = []
    try {
      for await (const item of this.#system.stream(requests)) {
        items.push(item)
        if (items.length === step['take']) break
      }
      return { items }
    } catch (error) {
      if (error instanceof ExitError) return { exit: reasonOf(error.reason) }
      throw error
    }
  }

  async #emit(step: Step): Promise<unknown> {
    const ref = this.#ref(step['stage'])
    const message = { emit: step['events'] }
    if (step['via'] === 'call') return ref.call(message)
    if (step['via'] === 'info') ref.info(message)
    else ref.cast(message)
    return undefined
  }

  write(stage: string, ...entry: readonly unknown[]): void {
    const entries = (this.#log[stage] ??= [])
    entries.push(entry)
  }

  subscribed(label: string, subscription: Subscription): void {
    this.#subscriptions.set(label, subscription)
  }

  childStarted(event: unknown, ref: ProcessRef): void {
    this.#children.set(event, ref)
  }

  #logged({ stage, level, code, args }: LogRecord): void {
    if (stage !== undefined && RECORDED_CODES.includes(code))
      this.write(stage, 'log', level, code, ...args.map(reasonOf))
  }

  #forgetExit(stage: string): void {
    const entries = this.#log[stage] ?? []
    this.#log[stage] = entries.filter(([name]) => name !== 'exit')
  }

  #isAlive(name: string): boolean {
    return this.#system.whereis(name)?.isAlive ?? false
  }

  #ref(name: unknown): StageRef {
    const ref = this.#system.whereis(String(name)) ?? this.#refs.get(String(name))
    if (ref === undefined) throw new Error(`no stage ${String(name)}`)
    // Only stages are addressed by steps.
    return ref as StageRef
  }

  #spec(name: string): StageSpec {
    const spec = this.#specs.get(name)
    if (spec === undefined) throw new Error(`no stage ${name}`)
    return spec
  }

  #subscription(label: unknown): Subscription {
    const subscription = this.#subscriptions.get(String(label))
    if (subscription === undefined) throw new Error(`no subscription ${String(label)}`)
    return subscription
  }
}
