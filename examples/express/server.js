// An Express application as they are: a short access token in `Authorization: Bearer`, and a refresh token in
// a cookie with which the browser gets the next one. It knows nothing of revocation: its logout takes the
// cookie away, and both tokens work on wherever they have been copied to.
//
//   PRIVATE_KEY_FILE=private.pem PUBLIC_KEY_FILE=public.pem PORT=3000 node server.js
import { randomInt, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import express from "express";
import jsonwebtoken from "jsonwebtoken";

const privateKey = readFileSync(process.env.PRIVATE_KEY_FILE ?? "private.pem");
const publicKey = readFileSync(process.env.PUBLIC_KEY_FILE ?? "public.pem");

const users = new Map([
  ["alice", { id: "alice", email: "alice@example.com", password: "wonderland" }],
  ["bob", { id: "bob", email: "bob@example.com", password: "builder" }],
]);
const codes = new Map();

const lives = { access: "15m", refresh: "30d" };

function issue(use, user) {
  return jsonwebtoken.sign({ use }, privateKey, {
    algorithm: "RS256",
    subject: user.id,
    jwtid: randomUUID(),
    expiresIn: lives[use],
  });
}

function read(use, token) {
  try {
    const claims = jsonwebtoken.verify(token, publicKey, { algorithms: ["RS256"] });
    return claims.use === use ? users.get(claims.sub) : undefined;
  } catch {
    return undefined;
  }
}

const bearer = (request) => request.get("authorization")?.replace(/^Bearer /, "");
const cookie = (request) => /(?:^|; )refresh=([^;]*)/.exec(request.get("cookie") ?? "")?.[1];

function needsLogin(request, response, next) {
  request.user = read("access", bearer(request));
  if (request.user === undefined) response.status(401).json({ message: "who are you?" });
  else next();
}

const app = express();
app.use(express.json());

app.post("/login", ({ body }, response) => {
  const user = users.get(body.user);
  if (user === undefined || user.password !== body.password) {
    return response.status(401).json({ message: "wrong user or password" });
  }
  response.cookie("refresh", issue("refresh", user), { httpOnly: true, sameSite: "strict" });
  response.json({ access_token: issue("access", user) });
});

app.post("/refresh", (request, response) => {
  const user = read("refresh", cookie(request));
  if (user === undefined) return response.status(401).json({ message: "log in again" });
  response.json({ access_token: issue("access", user) });
});

app.get("/me", needsLogin, ({ user }, response) => response.json({ user: user.id }));

app.get("/events", needsLogin, ({ user }, response) => {
  response.type("text/event-stream").write(`data: hello ${user.id}\n\n`);
});

app.post("/logout", (_request, response) => {
  response.clearCookie("refresh").json({ message: "bye" });
});

app.put("/password", needsLogin, ({ user, body }, response) => {
  if (user.password !== body.old) return response.status(403).json({ message: "wrong" });
  user.password = body.new;
  response.json({ message: "password changed" });
});

app.post("/password/forgotten", ({ body }, response) => {
  const user = [...users.values()].find(({ email }) => email === body.email);
  const code = String(randomInt(1e6, 1e7));
  if (user !== undefined) {
    codes.set(code, user);
    // This would be a mail.
    console.log(`code for ${user.email}: ${code}`);
  }
  response.status(202).json({ message: "if we know you, there is a mail" });
});

app.post("/password/reset", ({ body }, response) => {
  const user = codes.get(body.code);
  if (user === undefined) return response.status(403).json({ message: "wrong code" });
  codes.delete(body.code);
  user.password = body.new;
  response.json({ user: { id: user.id } });
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
