/** From a wish to subscribe to a subscription: finds the producer and checks the options. */

import { RunnerError } from '../host/errors.ts'
import type { Process } from '../process/process.ts'
import { isDefinition } from '../process/definition.ts'
import { shown } from '../process/mistakes.ts'
import { ProcessHandle } from '../process/ref.ts'
import type { Runtime } from '../process/runtime.ts'
import type { SubscribeRequest } from './definition.ts'
import { stageRef, type StageRef } from './stage-ref.ts'
import { SubscriptionLink } from './subscription-link.ts'
import { badSubscriptionOption, parseSubscriptionOptions, type SubscriptionOptions } from './subscription.ts'

const ACCEPTING: readonly string[] = ['consumer', 'producerConsumer', 'consumerSupervisor']
const EMITTING: readonly string[] = ['producer', 'producerConsumer']

/**
 * Makes a subscription that nobody knows of yet. When there is no producer of that name or definition, it has ended already and
 * its producer is a ref that never lived.
 *
 * @throws `ERR_NOT_A_CONSUMER`, `ERR_NOT_A_PRODUCER`, `ERR_BAD_OPTIONS`, `ERR_AMBIGUOUS_PRODUCER`; the first three are logged
 *   on the consumer's behalf as well.
 */
export function openSubscription<In>(
  runtime: Runtime,
  consumer: Process,
  request: SubscribeRequest<In>,
): SubscriptionLink {
  if (!ACCEPTING.includes(consumer.kind)) {
    throw refusal(
      consumer,
      'not_a_consumer',
      new RunnerError('ERR_NOT_A_CONSUMER', `${consumer.title} accepts no events`),
    )
  }
  const options = parse(consumer, request)
  const found = find(runtime, consumer, request.to)
  const producer = found ?? runtime.absent('producer', typeof request.to === 'string' ? request.to : undefined)
  if (!EMITTING.includes(producer.kind)) throw notAProducer(consumer, producer.title)
  const producerRef = found === undefined ? stageRef(producer, new ProcessHandle(runtime, producer)) : stageRefOf(found)
  const bornMs = runtime.host.clock.monotonic()
  const subscription = new SubscriptionLink(runtime.nextId(), stageRefOf(consumer), producerRef, options, bornMs)
  if (found === undefined) subscription.end()
  return subscription
}

function parse<In>(consumer: Process, request: SubscribeRequest<In>): SubscriptionOptions {
  try {
    return parseSubscriptionOptions(request)
  } catch (error) {
    throw error instanceof RunnerError ? refusal(consumer, 'invalid_subscription_option', error) : error
  }
}

function notAProducer(consumer: Process, what: string): RunnerError {
  return refusal(consumer, 'not_a_producer', new RunnerError('ERR_NOT_A_PRODUCER', `${what} emits no events`))
}

function refusal(consumer: Process, code: string, error: RunnerError): RunnerError {
  consumer.log('error', code, [], error.message)
  return error
}

function find(runtime: Runtime, consumer: Process, to: unknown): Process | undefined {
  if (typeof to === 'string') return runtime.registry.named(to)
  if (to instanceof ProcessHandle) return to.process
  if (!isDefinition(to)) {
    const mistake = `to must be a producer's definition, a running stage, or a name, not ${shown(to)}`
    throw refusal(consumer, 'invalid_subscription_option', badSubscriptionOption(mistake))
  }
  if (!EMITTING.includes(to.kind)) throw notAProducer(consumer, `a ${to.kind}`)
  const running = runtime.registry.running(to)
  if (running.length > 1) {
    throw new RunnerError(
      'ERR_AMBIGUOUS_PRODUCER',
      `the ${to.kind} to subscribe to runs ${running.length} times; start each under a name and subscribe to that`,
    )
  }
  return running[0]
}

function stageRefOf(process: Process): StageRef {
  // The kinds were checked: only stages have them, and a stage's ref is made by stageRef.
  return process.ref as StageRef
}
