import type { z } from "zod";
import { type MessageToken, messageProtocols } from "../../gateway/client-messages.ts";
import { jsonPointer } from "./fields.ts";
import { about, choice, duration, group, text, whole } from "./readers.ts";

/** Where a WebSocket's client sends its token, if not with the handshake. */
export const firstMessage = group({
  protocol: about(
    "graphql (connection_init of both protocols of GraphQL), json (any messages of JSON), or socket.io (its CONNECT packet).",
    choice(messageProtocols),
  ),
  token: about(
    "A JSON Pointer (RFC 6901) to the token in the message; with socket.io, in what CONNECT carries.",
    jsonPointer,
  ),
  scheme: about(
    "The authentication scheme in front of it there, such as Bearer.",
    text("an authentication scheme")
      .regex(/^[\w!#$%&'*+.^`|~-]+$/)
      .optional(),
  ),
  type: about(
    "With json: the type of the messages that log in, such as auth. One of that type without a token is refused.",
    text("the type of a message").optional(),
    { why: "Default: every message that has the member is judged." },
  ),
  timeout: about(
    "Max time for the client to send a message with its token.",
    duration("10s", "100ms", "5m"),
  ),
  maxMessageBytes: about(
    "Max size of a message of the client's: each is looked at whole, since any may log in anew.",
    whole(1_048_576, 1024, 16_777_216, "bytes"),
  ),
}).superRefine(({ protocol, type }, context) => {
  if (type === undefined || protocol === "json") return;
  const message = `expected none beside protocol: ${protocol}, which says it itself`;
  context.addIssue({ code: "custom", message, path: ["type"] });
});

/** `init` is what subscriptions-transport-ws takes for `connection_init` from old clients. */
const graphqlLogins = ["connection_init", "init"];

/** In the form in which the gateway reads it. */
export function messageTokenOf(settings: z.output<typeof firstMessage>): MessageToken {
  const { protocol, token, scheme, type, timeout, maxMessageBytes } = settings;
  return {
    protocol,
    pointer: token,
    scheme: scheme?.toLowerCase(),
    types: protocol === "graphql" ? graphqlLogins : type === undefined ? [] : [type],
    isByMember: type === undefined,
    timeoutMs: timeout,
    maxMessageBytes,
  };
}
