"""常见的 Flask 应用：登录后签发 RS256 令牌，三天有效，客户端放在请求头 token 里。

应用不知道什么是吊销：“退出登录”只返回一句话，旧令牌照样能用。它前面的 revgate 解决这个问题，应用一行不改。

    PRIVATE_KEY_FILE=private.pem PUBLIC_KEY_FILE=public.pem PORT=5000 python3 app.py

Debian：apt-get install python3-flask python3-jwt python3-cryptography
其他系统：pip install flask "pyjwt[crypto]"
"""

import os
import time
from functools import wraps

import jwt
from flask import Flask, g, jsonify, request

THREE_DAYS = 3 * 24 * 60 * 60

with open(os.environ.get("PRIVATE_KEY_FILE", "private.pem"), encoding="ascii") as file:
    PRIVATE_KEY = file.read()
with open(os.environ.get("PUBLIC_KEY_FILE", "public.pem"), encoding="ascii") as file:
    PUBLIC_KEY = file.read()

app = Flask(__name__)
app.json.ensure_ascii = False
users = {"alice": {"id": 1, "password": "wonderland"}, "bob": {"id": 2, "password": "builder"}}


def create_token(user_id):
    now = int(time.time())
    claims = {"user_id": user_id, "iat": now, "exp": now + THREE_DAYS}
    return jwt.encode(claims, PRIVATE_KEY, algorithm="RS256")


def login_required(view):
    @wraps(view)
    def wrapped():
        try:
            claims = jwt.decode(request.headers.get("token", ""), PUBLIC_KEY, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            return jsonify(message="token不合法!"), 401
        g.user = next(name for name, user in users.items() if user["id"] == claims["user_id"])
        return view()

    return wrapped


@app.post("/api/login")
def login():
    body = request.get_json(silent=True) or {}
    user = users.get(body.get("username"))
    if user is None or user["password"] != body.get("password"):
        return jsonify(message="用户名或密码错误!"), 401
    return jsonify(token=create_token(user["id"]))


@app.get("/api/user")
@login_required
def current_user():
    return jsonify(user=g.user)


@app.post("/api/logout")
@login_required
def logout():
    return jsonify(message="已退出登录")


@app.post("/api/change-password")
@login_required
def change_password():
    body = request.get_json(silent=True) or {}
    if users[g.user]["password"] != body.get("old"):
        return jsonify(message="旧密码错误!"), 403
    users[g.user]["password"] = body["new"]
    return jsonify(message="密码已修改")


@app.post("/api/reset-password")
def reset_password():
    body = request.get_json(silent=True) or {}
    if body.get("username") not in users:
        return jsonify(message="用户不存在!"), 404
    users[body["username"]]["password"] = body["new"]
    return jsonify(message="密码已重置")


if __name__ == "__main__":
    from werkzeug.serving import make_server

    server = make_server(
        os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "5000")), app, threaded=True
    )
    print(f"listening on http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()
