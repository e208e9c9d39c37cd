"""Calls a service through one revgate, or two, with Python's grpcio; prints what came back, a line each.

python3 grpc-client.py FIRST SECOND TOKEN: logs in at neither; watches at SECOND, logs out at FIRST.
"""

import sys

import grpc

first_address, second_address, token = sys.argv[1:]
first, second = grpc.insecure_channel(first_address), grpc.insecure_channel(second_address)
deadline = 60


def say(what, *values):
    print(what, *values, flush=True)


def unary(channel, name, message=b"x", metadata=(("token", token),), timeout=deadline):
    """Makes a call; returns its answer, or the status and the details of its error."""
    call = channel.unary_unary(f"/demo.Shop/{name}")
    try:
        answer, outcome = call.with_call(message, metadata=metadata, timeout=timeout)
        trailers = {key: value for key, value in outcome.trailing_metadata()}
        return answer.decode(), trailers.get("x-sum", "")
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        reason = "token_" + details.split(b"token_")[-1].split(b"\x12")[0].decode() if b"token_" in details else ""
        return error.code().name, error.details(), reason


say("nobody", *unary(first, "Me", metadata=()))
for channel in (first, second):
    say("me", *unary(channel, "Me", "zoë".encode()))
say("late", unary(first, "Me", b"wait", timeout=0.5)[0])

collected = first.stream_unary("/demo.Shop/Collect")(
    iter([b"a", b"b", b"c"]), metadata=(("token", token),), timeout=deadline
)
say("collect", collected.decode())

chat = second.stream_stream("/demo.Shop/Chat")(
    iter([b"one", b"two"]), metadata=(("token", token),), timeout=deadline
)
say("chat", *(message.decode() for message in chat))

watched = second.unary_stream("/demo.Shop/Watch")(b"x", metadata=(("token", token),))
say("watch", next(watched).decode())
say("failed", *unary(first, "Logout", b"fail"))
say("me", *unary(second, "Me"))
say("logout", *unary(first, "Logout"))
try:
    say("watch", next(watched).decode())
except grpc.RpcError as error:
    say("watch", error.code().name, error.details())
for channel in (first, second):
    say("after", *unary(channel, "Me"))
