import { type Language, languages, omitToken, type Refusal, refusals } from "./refusals.ts";
import type { RefusalReason } from "./verdict.ts";

/** A text for every language, or one for each. */
export type Message = string | { readonly [language in Language]?: string | undefined };

/** How refusals are worded and shaped. */
export interface BodyOptions {
  /** `auto`: the one that the client asks for (`Accept-Language`). */
  readonly language: Language | "auto";
  /** Texts that replace the built-in ones. */
  readonly messages: { readonly [reason in RefusalReason]?: Message | undefined };
  /** JSON with `${error}`, `${status}`, `${message}`, `${code}` and `${requestId}` where their JSON values go. */
  readonly body: string;
  /** The status of every refusal, or of some. */
  readonly status?:
    | number
    | { readonly [reason in RefusalReason]?: number | undefined }
    | undefined;
  /** What `${code}` stands for; by default the status that the refusal has of itself. */
  readonly codes?: { readonly [reason in RefusalReason]?: number | string | undefined } | undefined;
}

/** What a body depends on besides its reason. */
export interface BodyFacts {
  readonly language: Language;
  readonly mayOmitToken: boolean;
  readonly requestId: string;
}

/** A client must not take this one for done: the application has logged out, and revgate has not everywhere. */
export const neverSucceeds = "revocation_pending";

/** The status with which a refusal is sent. */
export function statusOf(reason: RefusalReason, { status }: Pick<BodyOptions, "status">): number {
  const own = refusals[reason].status;
  if (typeof status !== "number") return status?.[reason] ?? own;
  return reason === neverSucceeds && status < 400 ? own : status;
}

/** The body of a refusal as text; also what the configuration's own check of `errors.body` uses. */
export function renderBody(
  reason: RefusalReason,
  options: BodyOptions,
  facts: Partial<BodyFacts> = {},
): string {
  const values: Record<string, unknown> = {
    error: reason,
    status: statusOf(reason, options),
    code: codeOf(reason, options),
    message: messageOf(reason, options, facts),
    requestId: facts.requestId ?? "",
  };
  return options.body.replace(/\$\{(error|status|message|code|requestId)\}/g, (_, name: string) =>
    JSON.stringify(values[name]),
  );
}

/** The same as RFC 9457 has it. */
export function renderProblem(
  reason: RefusalReason,
  options: BodyOptions,
  facts: BodyFacts & { readonly title: string },
): string {
  const { title, requestId } = facts;
  return JSON.stringify({
    type: "about:blank",
    title,
    status: statusOf(reason, options),
    detail: messageOf(reason, options, facts),
    error: reason,
    code: options.codes?.[reason],
    requestId,
  });
}

function codeOf(reason: RefusalReason, { codes }: BodyOptions): number | string {
  return codes?.[reason] ?? refusals[reason].status;
}

/** The text of a refusal. */
export function messageOf(
  reason: RefusalReason,
  { messages, language: configured }: BodyOptions,
  { language = configured === "auto" ? "en" : configured, mayOmitToken }: Partial<BodyFacts>,
): string {
  const refusal: Refusal = refusals[reason];
  const remedy = mayOmitToken && refusal.challenge ? omitToken[language] : "";
  const other = messages[reason];
  const text = typeof other === "object" ? textIn(language, other) : other;
  return text ?? `${refusal[language]}${remedy}`;
}

/** The operator's text for a language; the one for `zh` is for `zh-CN` too, unless that has its own. */
function textIn(language: Language, texts: Exclude<Message, string>): string | undefined {
  return texts[language] ?? (language === "zh-CN" ? texts.zh : undefined);
}

/** The texts of both: those of `general` only in languages that `particular` has none in. */
export function wordedFirst(particular: Message, general: Message | undefined): Message {
  if (typeof particular === "string" || general === undefined) return particular;
  const texts = languages.flatMap((language) => {
    const other = typeof general === "string" ? general : textIn(language, general);
    const text = textIn(language, particular) ?? other;
    return text === undefined ? [] : [[language, text]];
  });
  return Object.fromEntries(texts) as Message;
}

/** Max languages that are looked at; no browser sends more. */
const maxRanges = 20;

/** The language that a client prefers of those that there are (RFC 9110 section 12.5.4); English if it prefers none. */
export function preferredLanguage(acceptLanguage: string | undefined): Language {
  let best: { readonly language: Language; readonly weight: number } | undefined;
  for (const range of (acceptLanguage ?? "").split(",", maxRanges)) {
    const [tag = "", weightSent = ""] = range
      .toLowerCase()
      .split(";", 2)
      .map((part) => part.trim());
    const language = languageOf(tag);
    const [, sent = "1"] = /^q=([\d.]{1,5})$/.exec(weightSent) ?? [];
    const weight = Number(sent);
    if (language === undefined || !(weight > (best?.weight ?? 0))) continue;
    best = { language, weight };
  }
  return best?.language ?? "en";
}

/** The most specific language that a tag in lower case names: zh-CN for zh-cn, zh for zh-tw. */
function languageOf(tag: string): Language | undefined {
  const named = languages.filter((each) => `${tag}-`.startsWith(`${each.toLowerCase()}-`));
  return named.at(-1);
}
