import type { BaseFacts } from "./facts.ts";

/** One thing that `revgate init` has to know. */
export interface InitQuestion {
  readonly flag: keyof BaseFacts;
  /** What the help calls the value. */
  readonly takes: string;
  readonly ask: string;
  readonly standard: string;
}

/** In the order in which they are asked; an answer of `-` means none. */
export const questions: readonly InitQuestion[] = [
  {
    ...{ flag: "upstream", takes: "URL", standard: "http://127.0.0.1:3000" },
    ask: "Where does the application listen?",
  },
  {
    ...{ flag: "key", takes: "KEY", standard: "public.pem" },
    ask: 'Which key verifies its tokens: a PEM file, the https: address of a key set, or "secret FILE" for a shared secret (HS256)?',
  },
  {
    ...{ flag: "token", takes: "SOURCE", standard: "header token" },
    ask: 'Where do clients send the token: "header NAME", "bearer" or "cookie NAME"?',
  },
  {
    ...{ flag: "login", takes: "ROUTE", standard: "POST /login" },
    ask: "Which route logs in (no token needed)?",
  },
  {
    ...{ flag: "logout", takes: "ROUTE", standard: "POST /logout" },
    ask: "Which route logs out (ends the token)?",
  },
  {
    ...{ flag: "success", takes: "STATUSES", standard: "2xx" },
    ask: 'Which statuses say that a logout or a change of the password has succeeded, such as "2xx,302"?',
  },
  {
    ...{ flag: "change-password", takes: "ROUTE", standard: "POST /change-password" },
    ask: "Which route changes the password (ends the token on every device)?",
  },
  {
    ...{ flag: "reset-password", takes: "ROUTE", standard: "POST /reset-password" },
    ask: "Which route completes a reset (no token needed, ends one that comes along)?",
  },
  {
    ...{ flag: "optional", takes: "ROUTES", standard: "-" },
    ask: 'Which routes do visitors and users share (a token that is sent must be live), such as "GET /; GET /articles/*"?',
  },
  {
    ...{ flag: "redis", takes: "URL", standard: "-" },
    ask: "Which Redis do several sidecars share?",
  },
  {
    ...{ flag: "data-dir", takes: "DIR", standard: "data" },
    ask: "In which directory of its own does this one keep its journal?",
  },
];
