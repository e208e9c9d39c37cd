import { recordHead, recordOutcome } from "../../gateway/record.ts";
import { type FieldLines, fieldValues, findField } from "../../http/field-lines.ts";
import { isGrpcType } from "../../http/grpc.ts";
import type { HeldResponse, Hold } from "../../upstream/held-response.ts";
import { linesOf, replacing } from "./header-lines.ts";
import { modes, type ProcessingRequest, type Section } from "./processing.ts";
import { attributeOf, refuseAtOnce, type Talk } from "./talk.ts";

/** An answer of the application that Envoy shows. */
interface Answer {
  readonly status: number;
  readonly headers: FieldLines;
  readonly isWhole: boolean;
}

/**
 * Waits for the application's answer, and holds it as the proxy would: it is released when what it revokes is dead
 * everywhere. If Envoy ends the talk before, the outcome is unknown.
 */
export function seeAnswer(talk: Talk, hold: Hold, sentMs: number): void {
  const { gate, visit } = talk;
  talk.onOver = () => {
    void hold.onLost(true);
    recordOutcome(gate, visit, "client_gone");
  };
  const passOn = talk.next;
  talk.next = (message) => {
    const { responseHeaders } = message;
    if (responseHeaders === undefined) return passOn.call(talk, message);
    talk.next = passOn;
    const lines = linesOf(responseHeaders.headers ?? {});
    const status = Number(lines[findField(lines, ":status") + 1] ?? 0);
    const headers = withoutPseudo(lines);
    recordHead(gate, visit, { sentMs, headers });
    const answer = { status, headers, isWhole: responseHeaders.endOfStream === true };
    const fate = fateOf(status, attributeOf(message, "response.code_details"));
    if (fate !== "answered") return lose(talk, hold, answer, fate === "lost");
    return judgeAnswer(talk, hold, answer);
  };
}

function withoutPseudo(lines: FieldLines): FieldLines {
  const at = findField(lines, ":status");
  return at === -1 ? lines : [...lines.slice(0, at), ...lines.slice(at + 2)];
}

/** Answers of Envoy's own to requests that did not leave it (its "response code details"). */
const neverSent =
  /^(?:direct_response|route_not_found|cluster_not_found|no_healthy_upstream|maintenance_mode)|connection_failure/;

/**
 * Whether the application has answered, or Envoy in its place: the request may have reached it (`lost`), or not. If Envoy
 * does not tell (`response_attributes`), its own statuses count as lost, which revokes too much rather than too little.
 */
function fateOf(status: number, details: string | undefined): "answered" | "lost" | "unsent" {
  if (details === undefined) return status >= 502 && status <= 504 ? "lost" : "answered";
  if (details === "via_upstream") return "answered";
  return neverSent.test(details) ? "unsent" : "lost";
}

function lose(talk: Talk, hold: Hold, { status }: Answer, sent: boolean): void {
  talk.onOver = () => {};
  void hold.onLost(sent);
  release(talk, "responseHeaders", status);
}

/**
 * Judges an answer by what the hold looks into, as in the proxy. If that is more than its head, Envoy shows it, and holds
 * the rest meanwhile: the trailers of gRPC, and any other body.
 */
function judgeAnswer(talk: Talk, hold: Hold, answer: Answer): void | Promise<void> {
  const { status, headers, isWhole } = answer;
  let trailers: FieldLines = [];
  let read: ((body: Buffer | undefined) => void) | undefined;
  const response: HeldResponse = {
    ...{ status, headers, trailers: () => trailers },
    readBody: (maxBytes) =>
      new Promise((resolve) => {
        read = (body) => resolve(body !== undefined && body.length <= maxBytes ? body : undefined);
      }),
  };
  const kept = hold.onResponse(response);
  if (read === undefined) {
    talk.onOver = () => recordOutcome(talk.gate, talk.visit, "client_gone");
    return keep(talk, kept, { section: "responseHeaders", status });
  }
  const give = read;
  talk.onOver = () => {
    give(undefined);
    recordOutcome(talk.gate, talk.visit, "client_gone");
  };
  if (isWhole) {
    give(Buffer.alloc(0));
    return keep(talk, kept, { section: "responseHeaders", status });
  }
  const [contentType] = fieldValues(headers, "content-type");
  const section = isGrpcType(contentType) ? "responseTrailers" : "responseBody";
  const passOn = talk.next;
  talk.next = (message) => {
    if (message[section] === undefined) return passOn.call(talk, message);
    talk.next = passOn;
    trailers = linesOf(message.responseTrailers?.trailers ?? {});
    give(section === "responseTrailers" ? Buffer.alloc(0) : wholeBody(message));
    return keep(talk, kept, { section, status });
  };
  talk.send({
    responseHeaders: {},
    modeOverride:
      section === "responseTrailers"
        ? { responseTrailerMode: modes.send }
        : { responseBodyMode: modes.bufferedPartial },
  });
}

function wholeBody({ responseBody }: ProcessingRequest): Buffer | undefined {
  return responseBody?.endOfStream === true ? (responseBody.body ?? Buffer.alloc(0)) : undefined;
}

/** Releases an answer when what it revokes is dead; withholds it if that can't be had. */
function keep(
  talk: Talk,
  kept: Promise<void> | undefined,
  { section, status }: { readonly section: Section; readonly status: number },
): void | Promise<void> {
  if (kept === undefined) return release(talk, section, status);
  return kept.then(
    () => release(talk, section, status),
    (error: Error) => {
      const { gate, visit } = talk;
      gate.log.withheld(visit.requestId, error);
      if (section === "responseTrailers") failTrailers(talk);
      else refuseAtOnce(talk, "revocation_pending");
    },
  );
}

/** Has Envoy pass an answer on, and end the talk. */
function release(talk: Talk, section: Section, status: number): void {
  if (talk.isOver) return;
  talk.send({ [section]: {} });
  talk.end();
  recordOutcome(talk.gate, talk.visit, "forwarded", status);
}

/** The head of a gRPC answer has gone out: its trailers say that the logout is pending. */
function failTrailers(talk: Talk): void {
  if (talk.isOver) return;
  const failed = ["grpc-status", "14", "grpc-message", "revocation_pending"];
  talk.send({ responseTrailers: { headerMutation: { setHeaders: replacing(failed, "bytes") } } });
  talk.end();
  recordOutcome(talk.gate, talk.visit, "revocation_pending", 200);
}
