// A small gRPC service as they are: it hands out RS256 tokens that live for three days, reads them from the metadata
// `authorization`, and knows nothing of revocation. Its logout only says that it is one.
//
//   PRIVATE_KEY_FILE=private.pem PUBLIC_KEY_FILE=public.pem PORT=3000 node server.js
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import jsonwebtoken from "jsonwebtoken";

const privateKey = readFileSync(process.env.PRIVATE_KEY_FILE ?? "private.pem");
const publicKey = readFileSync(process.env.PUBLIC_KEY_FILE ?? "public.pem");
const passwords = new Map([
  ["alice", "wonderland"],
  ["bob", "builder"],
]);

const definition = loadSync(fileURLToPath(new URL("shop.proto", import.meta.url)));
const { Shop } = grpc.loadPackageDefinition(definition).demo;

/** The user whose token a call carries; undefined if it is not valid. */
function userOf(call) {
  const [text = ""] = call.metadata.get("authorization");
  try {
    return jsonwebtoken.verify(text.replace(/^Bearer /, ""), publicKey, { algorithms: ["RS256"] })
      .sub;
  } catch {
    return undefined;
  }
}

const unauthenticated = { code: grpc.status.UNAUTHENTICATED, details: "a valid token is needed" };

const server = new grpc.Server();
server.addService(Shop.service, {
  Login({ request: { user, password } }, answer) {
    if (password === "" || passwords.get(user) !== password) {
      return answer({ code: grpc.status.UNAUTHENTICATED, details: "wrong user or password" });
    }
    const options = { algorithm: "RS256", subject: user, jwtid: randomUUID(), expiresIn: "3d" };
    answer(null, { token: jsonwebtoken.sign({}, privateKey, options) });
  },
  Me(call, answer) {
    const name = userOf(call);
    if (name === undefined) answer(unauthenticated);
    else answer(null, { name });
  },
  Watch(call) {
    if (userOf(call) === undefined) return call.emit("error", unauthenticated);
    let number = 0;
    const tell = () => call.write({ number: (number += 1) });
    const timer = setInterval(tell, 1000);
    call.on("cancelled", () => clearInterval(timer));
    tell();
  },
  Logout(call, answer) {
    if (userOf(call) === undefined) answer(unauthenticated);
    else answer(null, {});
  },
});

const address = `127.0.0.1:${process.env.PORT ?? 3000}`;
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${port}`);
});
