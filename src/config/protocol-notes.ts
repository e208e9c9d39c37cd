import { envoyStatuses } from "../http/envoy-statuses.ts";
import type { SettingPath } from "./document.ts";
import type { Note } from "./note.ts";
import type { Settings } from "./schema.ts";
import { isGrpcForm } from "./settings/decisions.ts";

type Rule = Settings["routes"][number];

/** What of a configuration has to do with HTTP/2 and gRPC. */
type Noted = Pick<Settings, "routes"> &
  Partial<Pick<Settings, "decisions" | "listen" | "limits" | "upstream" | "errors">>;

/** `/package.Service/Method` as the style guide of protocol buffers has it, or all methods of a service. */
const callPath = /^\/(?:[A-Za-z_]\w*\.)+[A-Z]\w*\/(?:[A-Z]\w*|\*)$/;

/** What settings of HTTP/2 and gRPC contradict, or leave without effect. */
export function notesOnProtocols(settings: Noted): Note[] {
  return [
    ...notesOnStreams(settings),
    ...notesOnWebSockets(settings),
    ...notesOnStatuses(settings),
    ...settings.routes.flatMap((rule, index) =>
      callPath.test(rule.path) ? notesOnCalls(rule, ["routes", index], settings) : [],
    ),
  ];
}

function notesOnStreams({ listen, limits }: Noted): Note[] {
  const path = ["limits", "streams"];
  if (listen === undefined || limits === undefined) return [];
  if (listen.http2 && limits.streams > limits.maxConnections) {
    const message = `limits.maxConnections (${limits.maxConnections}) bounds the requests in progress on all HTTP/2 connections together: no connection reaches ${limits.streams}`;
    return [{ path, message }];
  }
  if (listen.http2 || limits.streams === defaultStreams) return [];
  return [{ path, message: "does nothing: clients may not speak HTTP/2 (listen.http2: false)" }];
}

const defaultStreams = 100;

function notesOnWebSockets({ routes, upstream }: Noted): Note[] {
  const index = routes.findIndex(({ firstMessage }) => firstMessage !== undefined);
  if (upstream?.protocol !== "http2" || index === -1) return [];
  const message =
    "WebSockets reach the application over HTTP/1.1 in any case (upstream.protocol: http2): it must take both protocols on one port";
  return [{ path: ["routes", index, "firstMessage"], message }];
}

function notesOnStatuses({ decisions, errors }: Noted): Note[] {
  if (decisions === undefined || !isGrpcForm(decisions.question)) return [];
  const { status } = errors ?? {};
  const each: readonly [SettingPath, number | undefined][] =
    typeof status === "object"
      ? Object.entries(status).map(([reason, one]) => [[reason], one])
      : [[[], status]];
  return each.flatMap(([path, one]) => {
    if (one === undefined || envoyStatuses.has(one)) return [];
    const message = `Envoy knows no status ${one}: its clients get the error's default (docs/errors.md)`;
    return [{ path: ["errors", "status", ...path], message }];
  });
}

function notesOnCalls(rule: Rule, path: SettingPath, { listen, upstream }: Noted): Note[] {
  const notes: Note[] = [];
  const note = (message: string, ...setting: SettingPath) =>
    notes.push({ path: [...path, ...setting], message });
  if (rule.methods?.includes("POST") === false) {
    note("looks like a gRPC call, and those are POST: it never matches one", "methods");
  }
  if (listen?.http2 === false) {
    note(
      "looks like a gRPC call, which needs HTTP/2 (listen.http2: false): only gRPC-Web comes in",
    );
  } else if (upstream?.protocol === "http1") {
    note(
      "looks like a gRPC call, which needs HTTP/2 to the application, too (upstream.protocol: http1): only gRPC-Web arrives",
    );
  }
  if (rule.success !== undefined) {
    note("does nothing for gRPC: a call has succeeded if its status is 0", "success");
  }
  if (rule.stream === true) {
    note(
      "does nothing for gRPC calls: they may pause for any time, up to their deadline",
      "stream",
    );
  }
  if (readsJson(rule)) {
    note("messages of gRPC are no JSON: nothing is found in them; name headers (metadata) instead");
  }
  return notes;
}

/** Whether a rule looks for something in a body. */
function readsJson(rule: Rule): boolean {
  const inBody = (place: unknown) =>
    typeof place === "object" &&
    place !== null &&
    ["requestJson", "responseJson", "form"].some((name) => name in place);
  const { when, subjectFrom, from = [], alsoRevoke = [], sparing = [], handsOut = [] } = rule;
  return [when, subjectFrom, ...from, ...alsoRevoke, ...sparing, ...handsOut].some(inBody);
}
