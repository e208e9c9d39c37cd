"""A Flask application with flask-jwt-extended, as teams write it: integer identities, a pair of tokens, real statuses,
several gunicorn workers. It takes nothing back: revgate in front of it does (revgate.yaml).

    apt-get install python3-python-flask-jwt-extended gunicorn
    JWT_SECRET=$(cat jwt-secret.txt) gunicorn --workers 3 --threads 4 --bind 127.0.0.1:5000 app:app
"""

import json
import os
import time

from flask import Flask, Response, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt_identity,
    jwt_required,
)

app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET"]
# Identities are integers, which PyJWT takes for a mistake from 2.10 on.
app.config["JWT_VERIFY_SUB"] = False
JWTManager(app)

# The workers share a file, as they would share a database.
USERS = os.environ.get("USERS_FILE", "users.json")
if not os.path.exists(USERS):
    with open(USERS, "w", encoding="utf-8") as file:
        json.dump({"alice": [1, "wonderland"], "bob": [2, "builder"]}, file)


def users():
    with open(USERS, encoding="utf-8") as file:
        return json.load(file)


@app.post("/login")
def login():
    body = request.get_json(silent=True) or {}
    user_id, password = users().get(body.get("username"), (None, None))
    if user_id is None or password != body.get("password"):
        return jsonify(msg="wrong user or password"), 401
    return jsonify(
        access_token=create_access_token(user_id), refresh_token=create_refresh_token(user_id)
    )


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    return jsonify(access_token=create_access_token(get_jwt_identity()))


@app.get("/me")
@jwt_required()
def me():
    return jsonify(id=get_jwt_identity())


@app.post("/files")
@jwt_required()
def upload():
    return jsonify(size=len(request.get_data())), 201


@app.get("/files")
@jwt_required()
def download():
    return Response(b"x" * 300_000, mimetype="application/octet-stream")


@app.get("/events")
@jwt_required()
def events():
    def stream():
        while True:
            yield "data: tick\n\n"
            time.sleep(0.1)

    return Response(stream(), mimetype="text/event-stream")


@app.delete("/logout")
@jwt_required(verify_type=False)
def logout():
    return jsonify(msg="bye")


@app.put("/password")
@jwt_required()
def change_password():
    body = request.get_json(silent=True) or {}
    known = users()
    name = next(name for name, (user_id, _) in known.items() if user_id == get_jwt_identity())
    if known[name][1] != body.get("old"):
        return jsonify(msg="the old password is wrong"), 403
    known[name][1] = body["new"]
    with open(f"{USERS}.{os.getpid()}", "w", encoding="utf-8") as file:
        json.dump(known, file)
    os.replace(f"{USERS}.{os.getpid()}", USERS)
    return jsonify(msg="password changed")
