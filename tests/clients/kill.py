# SPDX-License-Identifier: Apache-2.0
"""Writers that send each event until it is acknowledged, while servers are killed by signal 9.

usage: kill.py ROUNDS WRITERS PORT PROCESSES COMMAND...
Starts COMMAND (which listens on PORT, PORT + 1, ... by a %d in it), kills one after the other, starts
it again. Prints how many events were acknowledged; no event has an id, a repeat is known by its
invocation id only."""

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
import time
import uuid

ROUNDS, WRITERS, PORT, PROCESSES = (int(x) for x in sys.argv[1:5])
COMMAND = sys.argv[5:]
random.seed(1)
done = threading.Event()
acknowledged = [0] * WRITERS


def start(i):
    p = subprocess.Popen([c.replace("%d", str(PORT + i)) for c in COMMAND], stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if line.startswith("listening"):
            break
    threading.Thread(target=p.stderr.read, daemon=True).start()
    return p


def put_once(i, n, headers):
    body = {"trackingId": "home", "sessionId": "s%d" % i, "userId": "w%d" % i, "eventList": [
        {"eventType": "View", "sentAt": 1795428000 + n, "itemId": "i%04d" % (n % 500)}]}
    c = http.client.HTTPConnection("127.0.0.1", PORT + random.randrange(PROCESSES), timeout=20)
    try:
        c.request("POST", "/events", json.dumps(body), headers)
        return c.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        c.close()


def write(i):
    n = 0
    while not done.is_set():
        headers = {"amz-sdk-invocation-id": str(uuid.uuid4()), "Content-Type": "application/json"}
        while not put_once(i, n, headers):
            time.sleep(0.01)
        n += 1
        acknowledged[i] = n


servers = [start(i) for i in range(PROCESSES)]
writers = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
for w in writers:
    w.start()
for r in range(ROUNDS):
    time.sleep(random.uniform(0.05, 0.4))
    victim = r % PROCESSES
    servers[victim].kill()
    servers[victim].wait()
    servers[victim] = start(victim)
done.set()
for w in writers:
    w.join()
for s in servers:
    s.send_signal(signal.SIGTERM)
    assert s.wait() == 0
print(sum(acknowledged))
