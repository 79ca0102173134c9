/** The types of what a stage can be told from outside, and of what it answers. */

/**
 * What a stage can be told: the type parameter `Messages` of a definition. What is left out is not checked; `never` is never sent.
 *
 *     interface TillMessages {
 *       call: ((message: 'total') => number) | ((message: { readonly refund: number }) => boolean)
 *       cast: { readonly add: number }
 *     }
 */
export interface MessageTypes {
  /** Calls, as functions from message to answer; a union of them where answers differ. */
  readonly call?: (message: never) => unknown
  readonly cast?: unknown
  readonly info?: unknown
}

/** Every message that `handleCall` may get. */
export type CallMessage<Messages> = Messages extends { readonly call: infer Call } ? MessageOf<Call> : unknown

/** The answer to `Message`, which may be one of several; of all calls, every answer there is. */
export type CallReply<Messages, Message = CallMessage<Messages>> = Messages extends { readonly call: infer Call }
  ? ReplyOf<Call, Message>
  : unknown

/** Every message that `handleCast` may get. */
export type CastMessage<Messages> = Messages extends { readonly cast: infer Cast } ? Cast : unknown

/** Every message that `handleInfo` may get. */
export type InfoMessage<Messages> = Messages extends { readonly info: infer Info } ? Info : unknown

// Both take a union apart: each function, and each message, is looked at alone.
type MessageOf<Call> = Call extends (message: infer Message) => unknown ? Message : never
type ReplyOf<Call, Message> = Call extends (message: infer Known) => infer Reply
  ? Message extends Known
    ? Reply
    : never
  : never
