"""The routes of the examples in Flask, as lenient as it can be made; each names itself in `handled-by`."""

from flask import Flask, Response
from werkzeug.serving import WSGIRequestHandler, make_server

WSGIRequestHandler.protocol_version = "HTTP/1.1"
WSGIRequestHandler.log_request = lambda *arguments, **named: None

app = Flask(__name__, static_folder=None)
app.url_map.strict_slashes = False
app.url_map.merge_slashes = True


def handler(name):
    def handle(**_):
        return Response("ok", headers={"handled-by": name})

    handle.__name__ = name
    return handle


EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
for path, name in [
    ("/login", "login"),
    ("/reset-password", "reset"),
    ("/change-password", "change"),
    ("/logout", "logout"),
]:
    app.add_url_rule(path, view_func=handler(name), methods=["POST"])
app.add_url_rule("/static/<path:rest>", view_func=handler("static"), methods=EVERY)


@app.errorhandler(Exception)
def other(_error):
    return Response("ok", headers={"handled-by": "other"})


server = make_server("127.0.0.1", 0, app, threaded=True)
print("listening on", server.server_port, flush=True)
server.serve_forever()
