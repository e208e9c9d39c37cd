"""一个常见的 Flask 应用：所有响应都是 HTTP 200，结果看 code；令牌里只有 user_id 和 exp，没有 iat。

A Flask application that answers 200 to everything and says in "code" what happened; its tokens have an integer
user_id and exp, and no iat. Its blacklist is a file, which only its own process knows.

    JWT_SECRET=$(cat jwt-secret.txt) PORT=5000 python3 app.py

Debian: apt-get install python3-flask python3-jwt
"""

import os
import time

import jwt
from flask import Flask, jsonify, request

SECRET = os.environ["JWT_SECRET"]
BLACKLIST = os.environ.get("BLACKLIST_FILE", "token_blacklist.txt")
users = {"alice": (1, "wonderland"), "bob": (2, "builder")}
serial = 0
app = Flask(__name__)


def answer(code, msg, **data):
    return jsonify(code=code, msg=msg, data=data or None)


def user_of(token):
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"])["user_id"]
    except jwt.InvalidTokenError:
        return None


@app.post("/login")
def login():
    global serial
    body = request.get_json(silent=True) or {}
    user_id, password = users.get(body.get("username"), (None, None))
    if user_id is None or password != body.get("password"):
        return answer(40100, "用户名或密码错误")
    # Every login a second later, so that no two tokens are the same.
    serial += 1
    claims = {"user_id": user_id, "exp": int(time.time()) + 24 * 60 * 60 + serial}
    return answer(0, "ok", token=jwt.encode(claims, SECRET, algorithm="HS256"))


@app.get("/user")
def user():
    user_id = user_of(request.headers.get("token", ""))
    return answer(40101, "token不合法") if user_id is None else answer(0, "ok", id=user_id)


@app.post("/logout")
def logout():
    token = request.headers.get("token", "")
    body = request.get_json(silent=True) or {}
    if user_of(token) is None:
        return answer(40101, "token不合法")
    if body.get("confirm") is False:
        return answer(40000, "已取消")
    with open(BLACKLIST, "a", encoding="ascii") as file:
        file.write(f"{token}\n")
    return answer(0, "已退出登录")


if __name__ == "__main__":
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", int(os.environ.get("PORT", "5000")), app, threaded=True)
    print(f"listening on http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()
