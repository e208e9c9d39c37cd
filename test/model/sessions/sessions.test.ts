import { describeModel } from "../suite.ts";
import { sessions } from "./model.ts";

describeModel({
  title: "a session's end",
  build: sessions,
  worlds: {
    "two sidecars": { logoutAt: 1, crashes: 0, flushes: 0 },
    crashes: { logoutAt: 1, crashes: 2, flushes: 0 },
    "crashes of one sidecar": { logoutAt: 0, crashes: 2, flushes: 0 },
    "a crash, and a loss": { logoutAt: 1, crashes: 1, flushes: 1 },
  },
  neededIn: {
    "a refresh continues the session": "two sidecars",
    "the end names the session": "two sidecars",
    "the answer waits for the link": "two sidecars",
    "a session is looked up for certain": "crashes",
    "the intent names the session": "crashes",
    "links are kept like revocations": "a crash, and a loss",
  },
});
