/** From a wish to subscribe to a subscription: finds the producer and checks the options. */

import { RunnerError } from '../host/errors.ts'
import type { Process } from '../process/process.ts'
import { ProcessHandle } from '../process/ref.ts'
import type { Runtime } from '../process/runtime.ts'
import type { SubscribeRequest } from './definition.ts'
import { stageRef, type StageRef } from './stage-ref.ts'
import { SubscriptionLink } from './subscription-link.ts'
import { parseSubscriptionOptions, type SubscriptionOptions } from './subscription.ts'

const ACCEPTING: readonly string[] = ['consumer', 'producerConsumer', 'consumerSupervisor']

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
  const found = find(runtime, request.to)
  const producer = found ?? runtime.absent('producer', typeof request.to === 'string' ? request.to : undefined)
  if (producer.kind !== 'producer' && producer.kind !== 'producerConsumer') {
    throw refusal(
      consumer,
      'not_a_producer',
      new RunnerError('ERR_NOT_A_PRODUCER', `${producer.title} emits no events`),
    )
  }
  const producerRef =
    found === undefined ? stageRef(producer, new ProcessHandle(runtime.scheduler, producer)) : stageRefOf(found)
  const subscription = new SubscriptionLink(runtime.nextId(), stageRefOf(consumer), producerRef, options)
  if (found === undefined) subscription.state = 'ended'
  return subscription
}

function parse<In>(consumer: Process, request: SubscribeRequest<In>): SubscriptionOptions {
  try {
    return parseSubscriptionOptions(request)
  } catch (error) {
    throw error instanceof RunnerError ? refusal(consumer, 'invalid_subscription_option', error) : error
  }
}

function refusal(consumer: Process, code: string, error: RunnerError): RunnerError {
  consumer.log('error', code, [], error.message)
  return error
}

function find(runtime: Runtime, to: SubscribeRequest<unknown>['to']): Process | undefined {
  if (typeof to === 'string') return runtime.registry.named(to)
  if (to instanceof ProcessHandle) return to.process
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
