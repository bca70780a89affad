#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make faults: what pz does run under faults, FAULTS_RUNS of each kind, and what is left.

usage: faults.py BUILD [KIND...]     FAULTS_RUNS=N runs a kind (default 100), FAULTS_SEED=N

  calls        strace fails one system call of a program (left out where strace is not installed)
  allocations  failalloc.so fails one allocation, or all from one on
  kills        killat.so: SIGKILL at one step that changes files; then the same command once more, which
               must leave what it leaves undisturbed (more runs than there are steps take them all)
  stops        the same by strace at one system call, whatever it is, of what changes a campaign
  fulls        killat.so: the disk is full from one step on
  flat, live   a damaged model.flat; a damaged data.mdb of the live store
  packed       damaged .pzd and .pzm files
  small        edited small files of a campaign
  serve        the endpoint with each of these, while it is asked and given events
  load         kill -9 of the endpoint under twelve writers that try again

A line for each kind: runs; how many ended well although the fault was there; clean errors; wrong
exits (an exit that says "bad data", "wrong usage" or "our fault" where a call failed, or an error
without a message); losses (an output that is neither the old nor the right one, a campaign that
answers neither as before nor as after, an acknowledged event that is gone, a success that did
nothing, another answer from a damaged file); crashes; hangs. The exit code is 1 if a loss, a
crash or a hang was seen."""
import collections, hashlib, http.client, json, os, random, re, shutil, signal, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
ALL = ["calls", "allocations", "kills", "stops", "fulls", "flat", "live", "packed", "small", "serve", "load"]
KINDS = sys.argv[2:] or ALL
RUNS = int(os.environ.get("FAULTS_RUNS", "100"))
PICK = random.Random(int(os.environ.get("FAULTS_SEED", "1")))
SAMPLE = os.path.join(HERE, "../../sample-data")
FAILALLOC, KILLAT = BUILD + "/tests/failalloc.so", BUILD + "/tests/killat.so"
ENV = dict(os.environ, OMP_NUM_THREADS="2", PATH=BUILD + "/bin:" + os.environ["PATH"], OMP_WAIT_POLICY="passive")
ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/home"
SERVE = "pz-deploy serve --no-auth --listen 127.0.0.1:%s home.pzc"
COLUMNS = ["runs", "well", "clean errors", "wrong exits", "losses", "crashes", "hangs"]
JOBS = {  # command, output
    "import": ("pz-import -o out --interactions inter.csv --items items.csv --users users.csv", "out"),
    "merge": ("pz-import --merge -o out shop.pzd day.pzd", "out"),
    "rows": ("pz-import --export interactions -o out shop.pzd", "out"),
    "train": ("pz-train --no-tune -o out shop.pzd", "out"),
    "update": ("pz-train --update home.pzm -o out day.pzd", "out"),
    "eval": ("pz-eval home.pzm day.pzd --seen keep --per-user out", "out"),
    "publish": ("pz-deploy publish home.pzc home2.pzm", None),
    "rollback": ("pz-deploy rollback home.pzc", None),
    "set": ("pz-deploy set home.pzc num 7", None),
    "pin": ("pz-deploy pin home.pzc 2", None),
    "gc": ("pz-deploy gc --keep 0 home.pzc", None),
    "collect": ("pz-deploy gc --keep 0 --events --force home.pzc", None),
    "check": ("pz-deploy check home.pzc", None),
    "repair": ("pz-deploy repair home.pzc", None),
    "mend": ("pz-deploy repair home.pzc", None),
    "compact": ("pz-deploy compact home.pzc", None),
    "list": ("pz-recommend home.pzc --all-users -n 3 -o out", "out"),
    "rules": ("pz-recommend home.pzc --all-users -n 9 --max-per CATEGORY_L1=2 --diversify .3 -o out", "out"),
    "batch": ("pz-recommend home.pzc --input ask.jsonl -n 3 -o out", "out"),
    "put": ("pz-event put home.pzc --user u0040 --item i0003 --type View --time 1795428000 --event-id one", None),
    "stream": ("pz-event put home.pzc events.jsonl", None),
    "items": ("pz-event put-items home.pzc --item fresh --properties {\"PRICE\":9}", None),
    "forget": ("pz-event forget home.pzc --user u0041", None),
    "purge": ("pz-event forget --purge home.pzc --user u0041 --user u0042", None),
    "export": ("pz-event export home.pzc -o out.pzd", "out.pzd"),
    "stats": ("pz-event stats home.pzc", None),
}
BEFORE = {"mend": "rm home.pzc/current; echo 0 >home.pzc/versions/0003/info.json"}  # what a job finds
ONCE = {"publish", "rollback"}  # done twice they are not as done once
CHANGERS = ["publish", "rollback", "set", "gc", "collect", "mend", "compact", "purge", "export", "stream"]
ERRORS = {"openat": "EIO EMFILE EINTR EACCES", "read": "EIO EINTR", "pread64": "EIO", "write": "EIO ENOSPC EINTR",
          "pwrite64": "EIO ENOSPC", "fsync": "EIO EINTR", "fdatasync": "EIO ENOSPC", "rename": "EIO ENOSPC",
          "ftruncate": "EIO", "mmap": "ENOMEM", "close": "EIO EINTR", "newfstatat": "EIO EACCES", "fstat": "EIO",
          "flock": "EIO ENOLCK EINTR", "fcntl": "ENOLCK EINTR", "mkdir": "ENOSPC", "unlink": "EIO", "unlinkat": "EIO",
          "getdents64": "EIO", "access": "EIO", "msync": "EIO", "link": "EIO", "chmod": "EPERM", "fchmod": "EPERM"}


def run(argv, cwd, extra=(), timeout=60):
    try:
        p = subprocess.run(argv, cwd=cwd, env=dict(ENV, **dict(extra)), stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=timeout)
        return p.returncode, p.stdout, p.stderr.decode("utf8", "replace")
    except subprocess.TimeoutExpired:
        return "hang", b"", ""


def must(line, cwd, *more):
    code, _, said = run(line.split() + list(more), cwd)
    assert code == 0, (line, code, said)


def prepare(top):
    rows = open(SAMPLE + "/interactions.csv").read().splitlines()
    few = [r for r in rows[1:] if r[3:5] in ("40", "41", "42")]
    few.sort(key=lambda r: int(r.split(",")[2]))
    for name, part in (("inter.csv", few[:-80]), ("day.csv", few[-80:])):
        open(os.path.join(top, name), "w").write("\n".join([rows[0]] + part) + "\n")
    with open(os.path.join(top, "events.jsonl"), "w") as f:
        for i in range(40):
            f.write('{"userId":"u%04d","itemId":"i%04d","eventType":"View","timestamp":%d,"eventId":"e%d"}\n'
                    % (40 + i % 4, i % 9, 1795428000 + i, i))
    open(os.path.join(top, "ask.jsonl"), "w").write('{"userId":"u0040"}\n{"userId":"u0041"}\n{"userId":"nobody"}\n')
    for name in ("items", "users"):
        shutil.copy("%s/%s.csv" % (SAMPLE, name), top)
    for line in ("pz-import -q -o shop.pzd --interactions inter.csv --items items.csv --users users.csv", "pz-import -q -o day.pzd --interactions day.csv",
                 "pz-train -q --no-tune -o home.pzm shop.pzd", "pz-train -q --update home.pzm -o home2.pzm day.pzd",
                 "pz-deploy publish -q home.pzc home.pzm", "pz-deploy publish -q home.pzc home.pzm",
                 "pz-deploy publish -q home.pzc home.pzm", "pz-event put -q home.pzc --user u0041 --item i0001 --type View"):
        must(line, top)


def digest(path):
    return hashlib.md5(open(path, "rb").read()).hexdigest() if os.path.exists(path) else None


def state(work):
    """What people see of the campaign: answers, events, settings, versions."""
    seen = [run(["pz-recommend", "-q", "home.pzc", "--user", "u0041", "-n", "3"], work)[:2],
            run(["pz-event", "export", "-q", "home.pzc"], work)[:2],
            run(["pz-event", "export", "-q", "--table", "items", "home.pzc"], work)[:2]]
    for name in ("current", "campaign.json"):
        seen.append(digest(os.path.join(work, "home.pzc", name)))
    return seen


def flip(b):
    """Damage to binary bytes: a bit, a wild number, ones, noise, a cut."""
    p, how = PICK.randrange(len(b)), PICK.randrange(7)
    if how < 2:
        b[p] ^= 1 << PICK.randrange(8)
    elif how == 2:
        b[p & ~3:(p & ~3) + 4] = b"\xff\xff\xff\x7f"
    elif how == 3:
        b[p & ~7:(p & ~7) + 8] = b"\xff" * 8
    elif how == 4:
        b[p & ~4095:(p & ~4095) + 48] = bytes(PICK.randrange(256) for _ in range(48))
    elif how == 5:
        b[p:p + 512] = bytes(len(b[p:p + 512]))
    return b[:p] if how == 6 else b


def scribble(b):
    p = PICK.randrange(len(b))
    b[p] = PICK.choice(b"0123456789{}\",: x")
    return b[:p] if PICK.randrange(4) == 0 else b


class Faults:
    def __init__(self, top):
        self.top, self.work, self.base, self.good = top, os.path.join(top, "work"), os.path.join(top, "base"), {}
        self.table = collections.defaultdict(collections.Counter)
        self.found = []
        os.mkdir(self.base)
        prepare(self.base)

    def fresh(self, job=None):
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.base, self.work, copy_function=shutil.copy2)
        if job and JOBS[job][1]:
            open(os.path.join(self.work, JOBS[job][1]), "w").write("old\n")
        if job in BEFORE:
            must("sh -c", self.work, BEFORE[job])

    def reference(self, job):
        """The state before, after, and the right output."""
        if job not in self.good:
            line, out = JOBS[job]
            self.fresh(job)
            before = state(self.work)
            must(line, self.work)
            self.good[job] = (before, state(self.work), digest(os.path.join(self.work, out)) if out else None)
        return self.good[job]

    def count(self, kind, what, code, wrong, said):
        t = self.table[kind]
        t["runs"] += 1
        t[wrong or ("well" if code == 0 else "clean errors")] += 1
        if wrong:
            self.found.append("%s %s: %s (%s) %s" % (kind, what, wrong, code, said.strip()[-160:]))

    def is_wrong(self, job, code, said, killed):
        """What is wrong with a run of a job, None if nothing is."""
        line, out = JOBS[job]
        before, after, right = self.reference(job)
        if code == "hang":
            return "hangs"
        if code < 0 and not (killed and code == -9):
            return "crashes"
        now, got = state(self.work), digest(os.path.join(self.work, out)) if out else None
        if now not in (before, after) or (out and got not in (hashlib.md5(b"old\n").hexdigest(), right)):
            return "losses"
        if code == 0 and (now != after or (out and got != right)):
            return "losses"
        if killed and (run(line.split(), self.work)[0] != 0 or (job not in ONCE and state(self.work) != after)):
            return "losses"
        return "wrong exits" if code > 0 and (code in (1, 2, 65, 70) or not said.strip()) else None

    def judge(self, kind, job, what, code, said, killed=False):
        self.count(kind, job + " " + what, code, self.is_wrong(job, code, said, killed), said)

    # ---- programs

    def trace(self, job):
        """The system calls of a job, and how many of each the loader made before the program began."""
        names, before = collections.Counter(), None
        self.fresh(job)
        run(["strace", "-f", "-qq", "-o", "../calls"] + JOBS[job][0].split(), self.work)
        for l in open(self.top + "/calls", errors="replace"):
            if len(l.split(None, 1)) > 1:
                if before is None and "rt_sigaction(SIGINT" in l:
                    before = collections.Counter(names)
                names[l.split(None, 1)[1].split("(")[0]] += 1
        return names, before or names

    def calls(self):
        points = []
        if not shutil.which("strace"):
            print("calls: strace is not installed; left out", file=sys.stderr)
            return
        for job in JOBS:
            self.reference(job)
            names, before = self.trace(job)
            points += [(job, c, e, k) for c, es in ERRORS.items() for e in es.split()
                       for k in range(before[c] + 1, names[c] + 1)]
        for job, call, error, k in PICK.sample(points, min(RUNS, len(points))):
            self.fresh(job)
            code, _, said = self.inject(job, "%s:error=%s:when=%d" % (call, error, k))
            self.judge("calls", job, "%s %s %d" % (call, error, k), code, said)

    def inject(self, job, what):
        return run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + what] + JOBS[job][0].split(), self.work)

    def stops(self):
        points = []
        if not shutil.which("strace"):
            print("stops: strace is not installed; left out", file=sys.stderr)
            return
        for job in CHANGERS:
            self.reference(job)
            names, before = self.trace(job)
            points += [(job, c, k) for c in names if c.isidentifier() for k in range(before[c] + 1, names[c] + 1)]
        for job, call, k in PICK.sample(points, min(RUNS, len(points))):
            self.fresh(job)
            code, _, said = self.inject(job, "%s:signal=KILL:when=%d" % (call, k))
            self.judge("stops", job, "%s %d" % (call, k), code, said, killed=True)

    def steps(self, line, library, count):
        """How many allocations, or steps that change files, a command has."""
        path = os.path.join(self.top, "steps")
        if os.path.exists(path):
            os.unlink(path)
        run(line.split(), self.work, {"LD_PRELOAD": library, count: path})
        text = open(path).read().split("\n")[:-1] if os.path.exists(path) else []
        return len(text) if count == "PZ_STEPS" else max([int(x) for x in text] or [0])

    def shim(self, kind, library, count, settings, killed=False):
        points = []
        for job, (line, out) in JOBS.items():
            self.reference(job)
            self.fresh(job)
            n = self.steps(line, library, count)
            points += [(job, s, k) for s in settings for k in range(1, n + 1)]
        for job, setting, k in PICK.sample(points, min(RUNS, len(points))):
            line, out = JOBS[job]
            self.fresh(job)
            code, _, said = run(line.split(), self.work, {"LD_PRELOAD": library, setting: str(k)})
            self.judge(kind, job, "%s=%d" % (setting, k), code, said, killed)

    def allocations(self):
        self.shim("allocations", FAILALLOC, "PZ_ALLOC_COUNT", ["PZ_ALLOC_AT", "PZ_ALLOC_FROM"])

    def kills(self):
        self.shim("kills", KILLAT, "PZ_STEPS", ["PZ_KILL_AT"], killed=True)

    def fulls(self):
        self.shim("fulls", KILLAT, "PZ_STEPS", ["PZ_FULL_AT"])

    # ---- damaged files

    def damaged(self, kind, files, edit, asked, believed=False):
        """Damage a file; every answer is the right one, or an error that says so. believed: another answer may
        come of it where a warning names the damage, and is counted where none does."""
        self.fresh()
        right = {a: self.ageless(run(a.split(), self.work)[1]) for a in asked}
        events = run(["pz-event", "export", "-q", "home.pzc"], self.work)
        for _ in range(RUNS):
            self.fresh()
            name, ask = PICK.choice(files), PICK.choice(asked)
            path = os.path.join(self.work, name)
            good = open(path, "rb").read()
            bad = edit(bytearray(good))
            if bytes(bad) == good:
                continue
            open(path, "wb").write(bad)
            code, answer, said = run(ask.split(), self.work)
            answer, wrong = self.ageless(answer), None
            if code == "hang":
                wrong = "hangs"
            elif code < 0:
                wrong = "crashes"
            elif code == 0 and answer != right[ask] and not (believed and "damaged" in said):
                wrong = None if believed else "losses"
                self.table[kind]["other answers"] += believed
            elif code not in (0, 65):
                wrong = "wrong exits"
            if not wrong and not believed and self.lost(events):
                wrong = "losses"
            self.count(kind, ask + " " + name, code, wrong, said)

    @staticmethod
    def ageless(answer):
        """An answer without how long ago something was."""
        return re.sub(rb", \d+ s ago", b"", answer)

    def lost(self, events):
        """After a repair every version and every event must be there."""
        run(["pz-deploy", "repair", "-q", "home.pzc"], self.work)
        return run(["pz-event", "export", "-q", "home.pzc"], self.work)[1] != events[1] or not all(
            os.path.exists(os.path.join(self.work, "home.pzc/versions/000%d/model.flat" % v)) for v in (1, 2, 3))

    ASKED = ["pz-recommend -q home.pzc --user u0041 -n 3", "pz-recommend -q home.pzc --all-users -n 3",
             "pz-recommend -q home.pzc --item i0003 -n 3", "pz-deploy check -q home.pzc",
             "pz-deploy gc -q --keep 9 --events --force home.pzc"]

    def flat(self):
        self.damaged("flat", ["home.pzc/versions/0003/model.flat"], flip, self.ASKED)

    def live(self):
        self.damaged("live", ["home.pzc/live/data.mdb"], flip, [a.replace("recommend -q", "recommend") for a in self.ASKED] + [
            "pz-event stats -q home.pzc", "pz-event export -q home.pzc", "pz-event forget -q home.pzc --user u0041",
            "pz-event put -q home.pzc --user u0041 --item i0003 --type View", "pz-event put -q home.pzc events.jsonl",
            "pz-event put-items -q home.pzc --item i0003 --properties {}", "pz-deploy compact -q home.pzc"], believed=True)

    def packed(self):
        self.damaged("packed", ["shop.pzd", "home.pzm"], flip, [
            "pz-import --export interactions shop.pzd", "pz-train -q --no-tune -o - shop.pzd",
            "pz-recommend -q home.pzm --all-users -n 3", "pz-eval -q home.pzm day.pzd --json",
            "pz-train -q --update home.pzm -o - day.pzd", "pz-deploy publish -q home.pzc home.pzm"])

    def small(self):
        self.damaged("small", ["home.pzc/current", "home.pzc/versions/0003/info.json", "home.pzc/versions/0003/model.flat.seal"],
                     scribble, self.ASKED)

    # ---- the endpoint

    def serve_once(self, extra):
        """Serve the campaign while it is given events and asked. The exit code, what it said, the ids of events
        acknowledged, the answers to one question."""
        p = subprocess.Popen((SERVE % 0).split(), cwd=self.work,
                             env=dict(ENV, **extra), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=open(self.top + "/said", "w"))
        acked, answers, port = [], set(), None
        for _ in range(2000):
            found = [l for l in open(self.top + "/said", errors="replace") if l.startswith("listening on ")]
            if found or p.poll() is not None:
                port = int(found[0].rsplit(":", 1)[1]) if found else None
                break
            signal.sigtimedwait([], 0.005)
        for i in range(12 if port else 0):
            event = {"trackingId": "home", "sessionId": "s", "userId": "w", "eventList": [
                {"eventType": "View", "eventId": "x%d" % i, "sentAt": 1795428000 + i, "itemId": "i0003"}]}
            if self.post(port, "/events", event)[0] == 200:
                acked.append("x%d" % i)
            status, body = self.post(port, "/recommendations", {"campaignArn": ARN, "userId": "u0041", "numResults": 3})
            if status == 200:
                answers.add(json.dumps([x["itemId"] for x in json.loads(body)["itemList"]]))
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
        try:
            code = p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            code = "hang"
        return code, open(self.top + "/said", errors="replace").read(), acked, answers

    @staticmethod
    def post(port, path, body):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            r = c.getresponse()
            return r.status, r.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            c.close()

    def stored(self):
        """The ids of the events of serve_once that are in the store: what is given again is a duplicate."""
        here = []
        for i in range(12):
            said = run(["pz-event", "put", "--json", "home.pzc", "--user", "w", "--item", "i0003", "--type", "View",
                        "--event-id", "x%d" % i], self.work)[1]
            if said and json.loads(said).get("duplicate") == 1:
                here.append("x%d" % i)
        return here

    def serve(self):
        ways = [(FAILALLOC, "PZ_ALLOC_COUNT", "PZ_ALLOC_AT"), (FAILALLOC, "PZ_ALLOC_COUNT", "PZ_ALLOC_FROM"),
                (KILLAT, "PZ_STEPS", "PZ_KILL_AT"), (KILLAT, "PZ_STEPS", "PZ_FULL_AT")]
        points = []
        self.fresh()
        right = self.serve_once({})[3]
        assert len(right) == 1, right
        for library, count, setting in ways:
            path = os.path.join(self.top, "steps")
            open(path, "w").close()
            self.fresh()
            self.serve_once({"LD_PRELOAD": library, count: path})
            text = open(path).read().split("\n")[:-1]
            n = len(text) if count == "PZ_STEPS" else max([int(x) for x in text] or [0])
            points.append([(library, setting, k) for k in range(1, n + 1)])
        for i in range(RUNS):
            library, setting, k = PICK.choice(points[i % len(points)])
            self.fresh()
            code, said, acked, answers = self.serve_once({"LD_PRELOAD": library, setting: str(k)})
            wrong = None
            if code == "hang":
                wrong = "hangs"
            elif code < 0 and not (setting == "PZ_KILL_AT" and code == -9):
                wrong = "crashes"
            elif set(acked) - set(self.stored()) or not answers <= right:
                wrong, said = "losses", "acknowledged %s, stored %s, answers %s" % (acked, self.stored(), answers)
            elif code in (1, 2, 65, 70) or (code > 0 and not said.strip()):
                wrong = "wrong exits"
            self.count("serve", "%s=%d" % (setting, k), code, wrong, said)

    def load(self):
        self.fresh()
        before = json.loads(run("pz-event stats --json home.pzc".split(), self.work)[1])["events"]
        port = str(PICK.randrange(20000, 30000))
        code, acked, said = run([sys.executable, os.path.join(HERE, "../clients/kill.py"), str(RUNS), "12", port, "1",
                                 *(SERVE % "%d").split()], self.work, timeout=60 + 2 * RUNS)
        now = json.loads(run("pz-event stats --json home.pzc".split(), self.work)[1])["events"]
        t = self.table["load"]
        t["runs"] = RUNS
        if code == 0 and now - before == int(acked):
            t["clean errors"] = RUNS
            return
        t["hangs" if code == "hang" else "losses"] = 1
        self.found.append("load: %s acknowledged, %d stored %s" % (acked.decode().strip(), now - before, said[-160:]))


def main():
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as top:
        faults = Faults(top)
        for kind in KINDS:
            getattr(faults, kind)()
        print("%-12s" % "kind" + "".join("%14s" % c for c in COLUMNS))
        for kind in KINDS:
            print("%-12s" % kind + "".join("%14d" % faults.table[kind][c] for c in COLUMNS))
            if faults.table[kind]["other answers"]:
                print("             (another answer: %d)" % faults.table[kind]["other answers"])
        for line in faults.found:
            print(line)
        return any(faults.table[k][c] for k in KINDS for c in ("losses", "crashes", "hangs"))


sys.exit(main())
