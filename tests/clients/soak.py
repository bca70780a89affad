# SPDX-License-Identifier: Apache-2.0
"""A server while its campaign changes: every second a publication or a rollback, another filter under one name and
a put item; four ask all the time, one puts events and asks for them.

usage: soak.py SECONDS PORT PID CAMPAIGN MODEL CATEGORIES     CATEGORIES: a JSON object, item -> category

Every request has to be answered with 200, by a version, and through a filter, that was the current one within the
two seconds before it was asked; an event has to be in the next answer of its user. The memory that the server has of
its own (RssAnon) must not grow: the most of the last quarter of the time is at most a tenth and 4 MB above the most
of the second quarter. Prints a line of figures; the first thing that is wrong ends the run."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time

SECONDS, PORT, PID = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
CAMPAIGN, MODEL = sys.argv[4:6]
CATEGORY = json.loads(sys.argv[6])
ARN = "arn:aws:personalize:us-east-1:000000000000:"
KINDS = sorted(set(CATEGORY.values()))[:2]
GRACE_S = 2  # what was replaced longer ago must not answer

done = threading.Event()
wrong = []
asked = [0] * 5
changes = 0


class Timeline:
    """What was current when: the end of each change, and what it made current. A change is under way for a while
    before its end is known, so that the new state is allowed from the start of the change."""

    def __init__(self, state):
        self.steps = [(0.0, state)]

    def begin(self, state):
        self.steps.append((time.monotonic(), state))

    def allowed(self, asked_at):
        steps = list(self.steps)
        first = max(i for i, (at, _) in enumerate(steps) if at <= asked_at - GRACE_S or i == 0)
        return {state for _, state in steps[first:]}


def fail(text):
    wrong.append(text)
    done.set()


class Client:
    def __init__(self):
        self.c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)

    def post(self, path, doc):
        try:
            self.c.request("POST", path, json.dumps(doc), {"Content-Type": "application/json"})
            answer = self.c.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as e:
            fail("%s: %r" % (path, e))
            return None
        if status != 200:
            fail("%s: %d %s" % (path, status, body.decode()[:200]))
            return None
        return json.loads(body) if body else {}


def current():
    return int(json.loads(subprocess.check_output(["pz-deploy", "status", "--json", CAMPAIGN]))["version"])


versions = Timeline(current())
filters = Timeline(KINDS[0])


def deploy(*words):
    done_ = subprocess.run(["pz-deploy", *words], capture_output=True, text=True)
    if done_.returncode != 0:
        fail("pz-deploy %s: %d %s" % (words[0], done_.returncode, done_.stderr.strip()))


def change():
    """One change a second, until the time is over."""
    global changes
    client, start = Client(), time.monotonic()
    while not done.is_set() and time.monotonic() - start < SECONDS:
        now = versions.steps[-1][1]
        if changes % 2 == 0:
            newest = max(int(v) for v in os.listdir(CAMPAIGN + "/versions"))
            versions.begin(newest + 1)
            deploy("publish", "-q", "--force", CAMPAIGN, MODEL)
        else:
            versions.begin(before)
            deploy("rollback", "-q", CAMPAIGN)
        before = now
        kind = KINDS[(changes + 1) % 2]
        filters.begin(kind)
        deploy("set", "-q", CAMPAIGN, "filter", "kind", 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("%s")' % kind)
        if changes % 10 == 9:
            deploy("gc", "-q", "--keep", "1", CAMPAIGN)
        client.post("/items", {"datasetArn": ARN + "dataset/home/ITEMS",
                               "items": [{"itemId": "i0001", "properties": json.dumps({"PRICE": changes + 1})}]})
        changes += 1
        done.wait(max(0, start + changes - time.monotonic()))
    done.set()


def ask(k):
    client, n = Client(), 0
    while not done.is_set():
        doc = {"campaignArn": ARN + "campaign/home", "userId": "u%04d" % (n * 4 + k)}
        if n % 2:
            doc["filterArn"] = ARN + "filter/kind"
        at = time.monotonic()
        answer = client.post("/recommendations", doc)
        if answer is None:
            return
        version = int(answer["recommendationId"].split("-")[1], 16)
        if version not in versions.allowed(at):
            fail("version %d answered where %s were allowed" % (version, versions.allowed(at)))
        kinds = {CATEGORY[i["itemId"]] for i in answer["itemList"]}
        if n % 2 and (len(kinds) != 1 or not kinds <= filters.allowed(at)):
            fail("the filter let %s through where %s were allowed" % (kinds, filters.allowed(at)))
        n += 1
        asked[k] = n
        time.sleep(0.004)  # a hundred or two a second each: the changes are what is tried here, not speed


def put(k):
    client, n = Client(), 0
    items = sorted(CATEGORY)
    while not done.is_set():
        user, item = "new%d" % n, items[n * 7 % len(items)]
        if client.post("/events", {"trackingId": "home", "sessionId": "s" + user, "userId": user, "eventList": [
                {"eventType": "View", "sentAt": 1795428000 + n, "itemId": item}]}) is None:
            return
        answer = client.post("/recommendations", {"campaignArn": ARN + "campaign/home", "userId": user,
                                                  "numResults": 25})
        if answer is None:
            return
        if item in [i["itemId"] for i in answer["itemList"]]:
            fail("user %s is recommended what they have just seen" % user)
        n += 1
        asked[k] = n
        time.sleep(0.02)


def memory():
    with open("/proc/%d/status" % PID) as f:
        return {l.split()[0]: int(l.split()[1]) for l in f if l.startswith("Rss") or l.startswith("VmRSS")}["RssAnon:"]


def main():
    threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    threads += [threading.Thread(target=put, args=(4,)), threading.Thread(target=change)]
    for t in threads:
        t.start()
    sizes, start = [], time.monotonic()
    while not done.wait(min(1, SECONDS / 20)):
        sizes.append((time.monotonic() - start, memory()))
    for t in threads:
        t.join()
    second = max([kb for at, kb in sizes if SECONDS / 4 <= at < SECONDS / 2] or [0])
    last = max([kb for at, kb in sizes if at >= SECONDS * 3 / 4] or [0])
    print("%d questions, %d events, %d changes in %.0f s; memory of its own at most %.1f MB in the second quarter, "
          "%.1f MB in the last" % (sum(asked[:4]) + asked[4], asked[4], changes, SECONDS, second / 1024, last / 1024))
    for text in wrong:
        print(text)
    if SECONDS >= 60 and last > second * 1.1 + 4096:
        print("memory grows")
        return 1
    return bool(wrong)


sys.exit(main())
