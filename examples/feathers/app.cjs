// A Feathers application as its generator makes them: users and messages, a token for a day, REST and socket.io on one
// port. It knows nothing of revocation: a logout forgets the token, and nothing takes it back.
const { Forbidden } = require("@feathersjs/errors");
const { feathers } = require("@feathersjs/feathers");
const { bodyParser, errorHandler, koa, parseAuthentication, rest } = require("@feathersjs/koa");
const socketio = require("@feathersjs/socketio");
const { AuthenticationService, JWTStrategy, authenticate } = require("@feathersjs/authentication");
const { LocalStrategy, hooks } = require("@feathersjs/authentication-local");
const { memory } = require("@feathersjs/memory");

const app = koa(feathers());
app.use(errorHandler());
app.use(parseAuthentication());
app.use(bodyParser());
app.configure(rest());
app.configure(socketio());

app.set("authentication", {
  entity: "user",
  service: "users",
  secret: process.env.JWT_SECRET,
  authStrategies: ["jwt", "local"],
  jwtOptions: { algorithm: "HS256", audience: "https://shop.example", expiresIn: "1d" },
  local: { usernameField: "email", passwordField: "password" },
});

const authentication = new AuthenticationService(app);
authentication.register("jwt", new JWTStrategy());
authentication.register("local", new LocalStrategy());
app.use("authentication", authentication);

/** Users change themselves, and nobody else. */
function onlyOneself({ id, params }) {
  if (params.provider && String(id) !== String(params.user.id)) throw new Forbidden("not yours");
}

app.use("users", memory({ startId: 1 }));
app.service("users").hooks({
  around: {
    find: [authenticate("jwt")],
    get: [authenticate("jwt")],
    update: [authenticate("jwt")],
    patch: [authenticate("jwt")],
    remove: [authenticate("jwt")],
  },
  before: {
    create: [hooks.hashPassword("password")],
    update: [onlyOneself, hooks.hashPassword("password")],
    patch: [onlyOneself, hooks.hashPassword("password")],
    remove: [onlyOneself],
  },
  after: { all: [hooks.protect("password")] },
});

app.use("messages", memory({ startId: 1 }));
app.service("messages").hooks({ around: { all: [authenticate("jwt")] } });

app.on("login", (_result, { connection }) => {
  if (connection) app.channel("users").join(connection);
});
app.service("messages").publish(() => app.channel("users"));

app
  .service("users")
  .create({ email: "alice@example.com", password: "wonderland" })
  .then(() => app.listen(Number(process.env.PORT ?? 3030), "127.0.0.1"))
  .then((server) => {
    const tell = () => console.log(`listening on http://127.0.0.1:${server.address().port}`);
    if (server.listening) tell();
    else server.once("listening", tell);
  });
