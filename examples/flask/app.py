"""A small Flask application as they are: it hands out RS256 tokens that live for three days, reads
them from the ``token`` header, and knows nothing of revocation.

    PRIVATE_KEY_FILE=private.pem PUBLIC_KEY_FILE=public.pem PORT=3000 python3 app.py

Debian: apt-get install python3-flask python3-jwt python3-cryptography
"""

import functools
import os
import time
import uuid

import jwt
from flask import Flask, g, jsonify, request

THREE_DAYS = 3 * 24 * 60 * 60

with open(os.environ.get("PRIVATE_KEY_FILE", "private.pem"), encoding="ascii") as file:
    PRIVATE_KEY = file.read()
with open(os.environ.get("PUBLIC_KEY_FILE", "public.pem"), encoding="ascii") as file:
    PUBLIC_KEY = file.read()

app = Flask(__name__)
passwords = {"alice": "wonderland", "bob": "builder"}


def issue_token(user):
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + THREE_DAYS, "jti": str(uuid.uuid4())}
    return jwt.encode(claims, PRIVATE_KEY, algorithm="RS256")


def needs_token(view):
    @functools.wraps(view)
    def wrapped():
        try:
            claims = jwt.decode(request.headers.get("token", ""), PUBLIC_KEY, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            return jsonify(message="who are you?"), 401
        g.user = claims["sub"]
        return view()

    return wrapped


@app.post("/login")
def login():
    body = request.get_json(silent=True) or {}
    if passwords.get(body.get("user")) != body.get("password"):
        return jsonify(message="wrong user or password"), 401
    return jsonify(token=issue_token(body["user"]))


@app.get("/me")
@needs_token
def me():
    return jsonify(user=g.user)


@app.get("/orders")
@needs_token
def orders():
    return jsonify(user=g.user, orders=["teapot", "white rabbit"])


@app.post("/logout")
@needs_token
def logout():
    return jsonify(message="bye")


@app.post("/change-password")
@needs_token
def change_password():
    body = request.get_json(silent=True) or {}
    if passwords.get(g.user) != body.get("old"):
        return jsonify(message="the old password is wrong"), 403
    passwords[g.user] = body["new"]
    return jsonify(message="password changed")


@app.post("/reset-password")
def reset_password():
    body = request.get_json(silent=True) or {}
    if body.get("user") not in passwords:
        return jsonify(message="no such user"), 404
    passwords[body["user"]] = body["new"]
    return jsonify(message="password reset")


if __name__ == "__main__":
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", int(os.environ.get("PORT", "3000")), app, threaded=True)
    print(f"listening on http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()
