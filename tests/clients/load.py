# SPDX-License-Identifier: Apache-2.0
"""Rough handling of the endpoint with raw sockets; no clock decides, but for bounds on what must end.

usage: load.py TEST PORT [ARG]"""

import json
import socket
import sys
import threading
import time

ARN = "arn:aws:personalize:us-east-1:000000000000:"
PORT = int(sys.argv[2])


def connect():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def request(path, doc):
    body = json.dumps(doc).encode()
    return (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (path.encode(), len(body))) + body


def answer(s):
    """Status, headers and body of the next answer; None when the connection ends first."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = s.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    headers = dict(l.lower().split(": ", 1) for l in head.decode().split("\r\n")[1:])
    while len(body) < int(headers["content-length"]):
        body += s.recv(65536)
    return int(head.split()[1]), headers, body


QUESTION = request("/recommendations", {"campaignArn": ARN + "campaign/home", "userId": "u"})


def event(user, item, event_id=None):
    e = {"eventType": "View", "sentAt": 1795428000, "itemId": item}
    if event_id:
        e["eventId"] = event_id
    return request("/events", {"trackingId": "home", "sessionId": "s" + user, "userId": user, "eventList": [e]})


def ends(s):
    """The server ends the connection, with or without a word."""
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_half():
    """Half requests, and bodies that trickle, end; others are answered meanwhile."""
    half, slow, silent = connect(), connect(), connect()
    half.sendall(QUESTION[:60])
    slow.sendall(QUESTION[:-10])
    stop = threading.Event()

    def trickle():
        try:
            while not stop.is_set():
                slow.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            pass

    slower = threading.Thread(target=trickle)
    slower.start()
    with connect() as good:
        good.sendall(QUESTION)
        assert answer(good)[0] == 200
    assert ends(half) and ends(slow) and ends(silent)
    stop.set()
    slower.join()


def test_many():
    """More connections than are allowed: the newest are answered, as the longest idle make room."""
    held = [connect() for _ in range(int(sys.argv[3]))]
    for s in held[-20:]:
        s.sendall(QUESTION)
        assert answer(s)[0] == 200
    with connect() as fresh:
        fresh.sendall(QUESTION)
        assert answer(fresh)[0] == 200


def test_overload():
    """Every question is answered, by 200 or by 429 with all that a client needs; events always by 200."""
    seen, lock = {}, threading.Lock()

    def ask(bytes_, times):
        with connect() as s:
            for _ in range(times):
                s.sendall(bytes_)
                status, headers, body = answer(s)
                if status == 429:
                    assert headers["x-amzn-errortype"] == "throttlingexception" and int(headers["retry-after"]) >= 1
                    assert json.loads(body)["__type"] == "ThrottlingException"
                with lock:
                    seen[bytes_[:10], status] = seen.get((bytes_[:10], status), 0) + 1

    threads = [threading.Thread(target=ask, args=(QUESTION, 20)) for _ in range(100)]
    threads += [threading.Thread(target=ask, args=(event("e%d" % i, "i0001"), 10)) for i in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(seen)
    assert seen.get((b"POST /reco", 200), 0) > 0 and sum(seen.values()) == 2100
    assert seen[b"POST /even", 200] == 100


def test_rate():
    """A bucket of 5 a second lets about that through; the rest is told to come again."""
    with connect() as s:
        seen = []
        for _ in range(60):
            s.sendall(QUESTION)
            seen.append(answer(s)[0])
    assert set(seen) == {200, 429} and seen[:5] == [200] * 5, seen


def ask(path, doc, tries=100):
    """One request on a connection of its own, again until it is answered by 200."""
    for _ in range(tries):
        try:
            with connect() as s:
                s.sendall(request(path, doc))
                got = answer(s)
                if got and got[0] == 200:
                    return got[2]
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("no answer")


def test_pairs():
    """An event, then a question: what was met is not recommended. Each by whatever process the proxy takes."""
    for i in range(int(sys.argv[3])):
        question = {"campaignArn": ARN + "campaign/home", "userId": "p%d" % i, "numResults": 3}
        first = json.loads(ask("/recommendations", question))["itemList"][0]["itemId"]
        ask("/events", {"trackingId": "home", "sessionId": "s%d" % i, "userId": "p%d" % i, "eventList": [
            {"eventType": "View", "sentAt": 1795428000, "itemId": first}]})
        after = [x["itemId"] for x in json.loads(ask("/recommendations", question))["itemList"]]
        assert first not in after, "stale at %d" % i


globals()["test_" + sys.argv[1]]()
