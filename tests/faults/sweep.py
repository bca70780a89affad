#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make faults: every program's main jobs under faults, a bounded number of each kind, and what is left.

usage: sweep.py BUILD [KIND...]     FAULTS_RUNS=N runs a kind (default 150), FAULTS_SEED=N

Kinds: calls (strace fails one system call), allocations (failalloc.so fails one, or all from one on),
kills and fulls (killat.so: SIGKILL, or a full disk, at one step), flat (damaged model.flat), small
(edited small files of a campaign). For each kind a line: runs, how many ended well although the fault
was there, clean errors, wrong exits, losses, crashes, hangs. Wrong: an exit that says "bad data" or
"our fault" where a call failed, or an error without a message. Loss: an output that is neither the old
nor the right one, a campaign that answers neither as before nor as after, an event that is gone, a
success that did nothing. The exit code is 1 if a loss, a crash or a hang was seen."""
import collections, hashlib, os, random, shutil, subprocess, sys, tempfile

BUILD = os.path.abspath(sys.argv[1])
KINDS = sys.argv[2:] or ["calls", "allocations", "kills", "fulls", "flat", "small"]
RUNS = int(os.environ.get("FAULTS_RUNS", "150"))
PICK = random.Random(int(os.environ.get("FAULTS_SEED", "1")))
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sample-data/interactions.csv")
ENV = dict(os.environ, OMP_NUM_THREADS="2", PATH=BUILD + "/bin:" + os.environ["PATH"], OMP_WAIT_POLICY="passive")
JOBS = {  # command, output
    "import": ("pz-import -o out --interactions inter.csv", "out"),
    "merge": ("pz-import --merge -o out shop.pzd day.pzd", "out"),
    "train": ("pz-train --no-tune -o out shop.pzd", "out"),
    "update": ("pz-train --update home.pzm -o out day.pzd", "out"),
    "eval": ("pz-eval home.pzm day.pzd --seen keep --per-user out", "out"),
    "publish": ("pz-deploy publish c.pzc home2.pzm", None),
    "rollback": ("pz-deploy rollback c.pzc", None),
    "set": ("pz-deploy set c.pzc num 7", None),
    "gc": ("pz-deploy gc --keep 0 c.pzc", None),
    "list": ("pz-recommend c.pzc --all-users -n 3 -o out", "out"),
    "put": ("pz-event put c.pzc --user u0040 --item i0003 --type View", None),
    "export": ("pz-event export c.pzc -o out.pzd", "out.pzd"),
}
ERRORS = {"openat": "EIO EMFILE EINTR", "read": "EIO EINTR", "pread64": "EIO", "write": "EIO ENOSPC EINTR",
          "pwrite64": "EIO ENOSPC", "fsync": "EIO EINTR", "fdatasync": "EIO ENOSPC", "rename": "EIO ENOSPC",
          "ftruncate": "EIO", "mmap": "ENOMEM", "close": "EIO EINTR", "newfstatat": "EIO", "fstat": "EIO",
          "flock": "EIO ENOLCK", "fcntl": "ENOLCK", "mkdir": "ENOSPC", "unlinkat": "EIO", "getdents64": "EIO"}


def run(argv, cwd, extra=(), timeout=60):
    try:
        p = subprocess.run(argv, cwd=cwd, env=dict(ENV, **dict(extra)), stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=timeout)
        return p.returncode, p.stdout, p.stderr.decode("utf8", "replace")
    except subprocess.TimeoutExpired:
        return "hang", b"", ""


def must(line, cwd):
    code, _, said = run(line.split(), cwd)
    assert code == 0, (line, code, said)


def prepare(top):
    rows = open(SAMPLE).read().splitlines()
    few = [r for r in rows[1:] if r[3:5] in ("40", "41")]
    few.sort(key=lambda r: int(r.split(",")[2]))
    for name, part in (("inter.csv", few[:-80]), ("day.csv", few[-80:])):
        open(os.path.join(top, name), "w").write("\n".join([rows[0]] + part) + "\n")
    for line in ("pz-import -q -o shop.pzd --interactions inter.csv", "pz-import -q -o day.pzd --interactions day.csv",
                 "pz-train -q --no-tune -o home.pzm shop.pzd", "pz-train -q --update home.pzm -o home2.pzm day.pzd",
                 "pz-deploy publish -q c.pzc home.pzm", "pz-deploy publish -q c.pzc home.pzm",
                 "pz-deploy publish -q c.pzc home.pzm",
                 "pz-event put -q c.pzc --user u0041 --item i0001 --type View"):
        must(line, top)


def digest(path):
    return hashlib.md5(open(path, "rb").read()).hexdigest() if os.path.exists(path) else None


def state(work):
    """What people see of the campaign: answers, events, settings, versions."""
    seen = [run(["pz-recommend", "-q", "c.pzc", "--user", "u0041", "-n", "3"], work)[:2],
            run(["pz-event", "export", "-q", "c.pzc"], work)[:2]]
    for name in ("current", "campaign.json"):
        seen.append(digest(os.path.join(work, "c.pzc", name)))
    return seen


class Sweep:
    def __init__(self, top):
        self.top, self.work, self.base, self.good = top, os.path.join(top, "work"), os.path.join(top, "base"), {}
        self.table = collections.defaultdict(collections.Counter)
        self.faults = []
        os.mkdir(self.base)
        prepare(self.base)

    def fresh(self, out):
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.base, self.work)
        if out:
            open(os.path.join(self.work, out), "w").write("old\n")

    def reference(self, job):
        """The state before, after, and the right output."""
        if job not in self.good:
            line, out = JOBS[job]
            self.fresh(out)
            before = state(self.work)
            must(line, self.work)
            self.good[job] = (before, state(self.work), digest(os.path.join(self.work, out)) if out else None)
        return self.good[job]

    def judge(self, kind, job, what, code, said, killed=False):
        line, out = JOBS[job]
        before, after, right = self.reference(job)
        t, wrong = self.table[kind], None
        t["runs"] += 1
        if code == 127 or "cannot execute" in said or "strace:" in said:
            t["loader"] += 1
            return
        if code == "hang":
            wrong = "hangs"
        elif code < 0 and not (killed and code == -9):
            wrong = "crashes"
        else:
            now = state(self.work)
            got = digest(os.path.join(self.work, out)) if out else None
            old = hashlib.md5(b"old\n").hexdigest()
            if now not in (before, after) or (out and got not in (old, right)):
                wrong = "losses"
            elif code == 0 and (now != after or (out and got != right)):
                wrong = "losses"
            elif code > 0 and (code in (1, 2, 65, 70) or not said.strip()):
                wrong = "wrong exits"
        t[wrong or ("well" if code == 0 else "clean errors")] += 1
        if wrong:
            self.faults.append("%s %s %s: %s (%s) %s" % (kind, job, what, wrong, code, said.strip()[-160:]))

    # ---- kinds

    def calls(self):
        points = []
        for job, (line, out) in JOBS.items():
            self.reference(job)
            self.fresh(out)
            run(["strace", "-f", "-qq", "-o", "../calls"] + line.split(), self.work)
            names = collections.Counter(l.split(None, 1)[1].split("(")[0] for l in open(self.top + "/calls", errors="replace")
                                        if len(l.split(None, 1)) > 1)
            points += [(job, c, e, k) for c, es in ERRORS.items() for e in es.split() for k in range(1, names[c] + 1)]
        for job, call, error, k in PICK.sample(points, min(RUNS, len(points))):
            line, out = JOBS[job]
            self.fresh(out)
            code, _, said = run(["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                 "inject=%s:error=%s:when=%d" % (call, error, k)] + line.split(), self.work)
            self.judge("calls", job, "%s %s %d" % (call, error, k), code, said)

    def shim(self, kind, library, count, settings, killed=False):
        points = []
        for job, (line, out) in JOBS.items():
            self.reference(job)
            self.fresh(out)
            steps = os.path.join(self.top, "steps")
            if os.path.exists(steps):
                os.unlink(steps)
            run(line.split(), self.work, {"LD_PRELOAD": library, count: steps})
            text = open(steps).read().split("\n")[:-1]
            n = max(int(x) for x in text) if count == "PZ_ALLOC_COUNT" else len(text)
            points += [(job, s, k) for s in settings for k in range(1, n + 1)]
        for job, setting, k in PICK.sample(points, min(RUNS, len(points))):
            line, out = JOBS[job]
            self.fresh(out)
            code, _, said = run(line.split(), self.work, {"LD_PRELOAD": library, setting: str(k)})
            self.judge(kind, job, "%s=%d" % (setting, k), code, said, killed)

    def allocations(self):
        self.shim("allocations", BUILD + "/tests/failalloc.so", "PZ_ALLOC_COUNT", ["PZ_ALLOC_AT", "PZ_ALLOC_FROM"])

    def kills(self):
        self.shim("kills", BUILD + "/tests/killat.so", "PZ_STEPS", ["PZ_KILL_AT"], killed=True)

    def fulls(self):
        self.shim("fulls", BUILD + "/tests/killat.so", "PZ_STEPS", ["PZ_FULL_AT"])

    def damaged(self, kind, files, edit):
        """Damage a file of the campaign; every answer is the same, or an error that says so."""
        ask = [["pz-recommend", "-q", "c.pzc", "--user", "u0041", "-n", "3"],
               ["pz-recommend", "-q", "c.pzc", "--all-users", "-n", "3"], ["pz-deploy", "check", "-q", "c.pzc"],
               ["pz-deploy", "gc", "-q", "--keep", "9", "--events", "--force", "c.pzc"]]
        self.fresh(None)
        right = [run(a, self.work)[1] for a in ask[:2]]
        events = run(["pz-event", "export", "-q", "c.pzc"], self.work)
        for _ in range(RUNS):
            self.fresh(None)
            path = os.path.join(self.work, PICK.choice(files))
            good = open(path, "rb").read()
            bad = edit(bytearray(good))
            if bytes(bad) == good:
                continue
            open(path, "wb").write(bad)
            i = PICK.randrange(len(ask))
            code, answer, said = run(ask[i], self.work)
            t, wrong = self.table[kind], None
            t["runs"] += 1
            if code == "hang":
                wrong = "hangs"
            elif code < 0:
                wrong = "crashes"
            elif self.lost(events):
                wrong = "losses"
            elif code not in (0, 65) or (i == 2 and code == 0 and kind == "flat"):
                wrong = "wrong exits"
            elif code == 0 and i < 2 and answer != right[i]:
                t["other answers"] += 1  # a flat file is believed until it is checked
            t[wrong or ("well" if code == 0 else "clean errors")] += 1
            if wrong:
                self.faults.append("%s %s: %s (%s) %s" % (kind, " ".join(ask[i]), wrong, code, said.strip()[-160:]))

    def lost(self, events):
        """After a repair every version but a damaged one and every event must be there."""
        run(["pz-deploy", "repair", "-q", "c.pzc"], self.work)
        return run(["pz-event", "export", "-q", "c.pzc"], self.work)[1] != events[1] or not all(
            os.path.exists(os.path.join(self.work, "c.pzc/versions/000%d/model.flat" % v)) for v in (1, 2, 3))

    def flat(self):
        def edit(b):
            p = PICK.randrange(len(b))
            how = PICK.randrange(4)
            if how == 0:
                b[p] ^= 1 << PICK.randrange(8)
            elif how == 1:
                b[p & ~3:(p & ~3) + 4] = b"\xff\xff\xff\x7f"
            elif how == 2:
                b[p & ~7:(p & ~7) + 8] = b"\xff" * 8
            else:
                b = b[:p]
            return b
        self.damaged("flat", ["c.pzc/versions/0003/model.flat"], edit)

    def small(self):
        def edit(b):
            p = PICK.randrange(len(b))
            b[p] = PICK.choice(b"0123456789{}\",: x")
            return b[:p] if PICK.randrange(4) == 0 else b
        self.damaged("small", ["c.pzc/current", "c.pzc/versions/0003/info.json"], edit)


def main():
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as top:
        sweep = Sweep(top)
        for kind in KINDS:
            getattr(sweep, kind)()
        columns = ["runs", "well", "clean errors", "wrong exits", "losses", "crashes", "hangs"]
        print("%-12s" % "kind" + "".join("%14s" % c for c in columns))
        for kind in KINDS:
            print("%-12s" % kind + "".join("%14d" % sweep.table[kind][c] for c in columns))
            for c in ("loader", "other answers"):
                if sweep.table[kind][c]:
                    print("             (%s: %d)" % (c, sweep.table[kind][c]))
        for fault in sweep.faults:
            print(fault)
        return any(sweep.table[k][c] for k in KINDS for c in ("losses", "crashes", "hangs"))


sys.exit(main())
