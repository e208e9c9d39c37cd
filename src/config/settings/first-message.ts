import type { z } from "zod";
import { type MessageToken, messageProtocols } from "../../gateway/client-messages.ts";
import { jsonPointer } from "./fields.ts";
import { about, choice, duration, group, list, text, whole } from "./readers.ts";

/** The texts with which an event of socket.io begins. */
const event = list(text("a text"), "texts, such as [create, authentication]").min(
  1,
  "expected a list of texts, such as [create, authentication]",
);

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
  loginEvent: about(
    "With socket.io: the texts with which the event begins that logs in, in place of the CONNECT packet; token is then a JSON Pointer into the list of the event and what it carries.",
    event.optional(),
  ),
  logoutEvent: about(
    "Beside loginEvent: the event that ends the connection's token, and its session if it has one. It counts when the client sends it.",
    event.optional(),
  ),
  refusedEvents: about(
    "Beside loginEvent: events that must come by HTTP, where rules see them, such as one that changes a password.",
    list(event, "events, each a list of texts such as [patch, users]").default([]),
  ),
  refusedMembers: about(
    "With json: JSON Pointers to members that no message that logs in may have, such as /refresh_token: the application could log in by that in place of token.",
    list(jsonPointer, "JSON Pointers").default([]),
  ),
  timeout: about(
    "Max time for the client to send a message with its token.",
    duration("10s", "100ms", "5m"),
  ),
  maxMessageBytes: about(
    "Max size of a client's message. revgate reads each as a whole, since any may log in again.",
    whole(1_048_576, 1024, 16_777_216, "bytes"),
  ),
}).superRefine(
  ({ protocol, type, loginEvent, logoutEvent, refusedEvents, refusedMembers }, context) => {
    const refuse = (setting: string, message: string) =>
      context.addIssue({ code: "custom", message, path: [setting] });
    if (type !== undefined && protocol !== "json") {
      refuse("type", `expected none beside protocol: ${protocol}, which says it itself`);
    }
    if (refusedMembers.length > 0 && protocol !== "json") {
      refuse("refusedMembers", `expected none beside protocol: ${protocol}`);
    }
    if (loginEvent !== undefined && protocol !== "socket.io") {
      refuse("loginEvent", `expected none beside protocol: ${protocol}: events are socket.io's`);
    }
    const others = { logoutEvent, ...(refusedEvents.length > 0 && { refusedEvents }) };
    for (const [setting, value] of Object.entries(others)) {
      if (value === undefined || loginEvent !== undefined) continue;
      refuse(setting, "expected loginEvent beside it: only then is an event looked at");
    }
  },
);

/** `init` is what subscriptions-transport-ws takes for `connection_init` from old clients. */
const graphqlLogins = ["connection_init", "init"];

/** In the form in which the gateway reads it. */
export function messageTokenOf(settings: z.output<typeof firstMessage>): MessageToken {
  const { protocol, token, scheme, type, timeout, maxMessageBytes } = settings;
  const {
    loginEvent: login,
    logoutEvent: logout,
    refusedEvents: refused,
    refusedMembers,
  } = settings;
  return {
    protocol,
    pointer: token,
    scheme: scheme?.toLowerCase(),
    types: protocol === "graphql" ? graphqlLogins : type === undefined ? [] : [type],
    isByMember: type === undefined,
    ...(refusedMembers.length > 0 && { refusedMembers }),
    events: login && { login, logout, refused },
    timeoutMs: timeout,
    maxMessageBytes,
  };
}
