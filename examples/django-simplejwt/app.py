"""Django REST framework with simplejwt and its token_blacklist, in one file, as its documentation sets it up.

    apt-get install python3-djangorestframework-simplejwt
    JWT_SECRET=$(cat jwt-secret.txt) /usr/bin/python3 app.py db.sqlite3
"""
import os
import socketserver
import sys
import time
from wsgiref.simple_server import WSGIServer, make_server

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ["JWT_SECRET"],
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework_simplejwt.token_blacklist",
    ],
    # Tables are made of the models: their migrations, one by one, take seconds.
    MIGRATION_MODULES={"auth": None, "contenttypes": None, "token_blacklist": None},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework_simplejwt.views import (  # noqa: E402
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
    TokenVerifyView,
)


@api_view(["GET"])
def me(request):
    return Response({"user": request.user.username})


files = {}


@api_view(["GET", "PUT"])
def file(request):
    if request.method == "PUT":
        files[request.user.pk] = request.body
        return Response({"size": len(request.body)}, status=201)
    return HttpResponse(files.get(request.user.pk, b""), content_type="application/octet-stream")


@api_view(["GET"])
def events(request):
    def stream():
        while True:
            yield b"data: tick\n\n"
            time.sleep(0.1)

    return StreamingHttpResponse(stream(), content_type="text/event-stream")


@api_view(["PUT"])
def password(request):
    if not request.user.check_password(request.data.get("old", "")):
        return Response({"detail": "the old password is wrong"}, status=403)
    request.user.set_password(request.data["new"])
    request.user.save()
    return Response({"detail": "password changed"})


urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/verify/", TokenVerifyView.as_view()),
    path("api/token/blacklist/", TokenBlacklistView.as_view()),
    path("api/me/", me),
    path("api/file/", file),
    path("api/events/", events),
    path("api/password/", password),
]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


call_command("migrate", run_syncdb=True, verbosity=0)
if not User.objects.filter(username="alice").exists():
    User.objects.create_user("alice", password="wonderland")
port = int(os.environ.get("PORT", "8000"))
server = make_server("127.0.0.1", port, get_wsgi_application(), server_class=Server)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
