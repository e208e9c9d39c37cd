import { describeModel } from "../suite.ts";
import { type RetentionWorld, retention } from "./model.ts";

const plain: RetentionWorld = {
  kind: "tok",
  hasIssuedAt: true,
  life: 2,
  toleranceGrows: false,
  lifetimeGrows: false,
  recovers: false,
};

describeModel({
  title: "retention",
  build: retention,
  worlds: {
    "a tolerance that grows": { ...plain, toleranceGrows: true },
    "a lifetime that grows": { ...plain, kind: "sub", life: 6, lifetimeGrows: true },
    "a token without iat": { ...plain, kind: "jti", hasIssuedAt: false, life: 8 },
    "a password change that is recovered": { ...plain, kind: "sub", recovers: true },
  },
  neededIn: {
    "the largest tolerance": "a tolerance that grows",
    "twice the tolerance": "a tolerance that grows",
    "a TTL errs long": "a tolerance that grows",
    "the deadline moves with the cut-off": "a password change that is recovered",
    "no iat: nothing but its own id names it": "a token without iat",
    "older tokens, older limits": "a lifetime that grows",
    "the limits stand in Redis": "a lifetime that grows",
    "the fleet's largest lifetime": "a lifetime that grows",
    "a change leads": "a lifetime that grows",
    "what was read counts for a while": "a lifetime that grows",
  },
});
