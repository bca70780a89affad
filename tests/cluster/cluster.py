#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several hosts on one log, under faults: hosts are folders and servers on this machine, the database is a stock
PostgreSQL in a folder of its own, haproxy is configured as pz-serve(7) says.

usage: cluster.py BIN [pairs] [faults] [failover] [network] [speed]      (all of them)

  pairs     PAIRS (10000) times PutEvents and then GetRecommendations by way of haproxy, which must show it, while hosts
            join, leave and are killed
  faults    writers on two hosts for SECONDS (60), while hosts and the database are killed and the database is away for
            AWAY (30) seconds and silent for half of that: nothing acknowledged is lost, and all hosts, one that begins then too, hold the same
  failover  the database is killed for good and its synchronous standby takes over: likewise
  network   two hosts in network namespaces; the link of one to the database goes down twice and comes back: it acknowledges
            nothing meanwhile, nothing acknowledged is lost, and afterwards nothing is stale; where root may make namespaces
  speed     events a second in batches of 64, and the CPU time of each

Prints a line of figures for each and ends with 1 when something was wrong.
"""
import glob, http.client, json, os, pwd, random, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time

ARN = 'arn:aws:personalize:us-east-1:000000000000:campaign/home'
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
wrong = []


def say(*words):
    print(*words, flush=True)


def complain(what):
    wrong.append(what)
    say('WRONG:', what)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def run(*args, **more):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more).stdout


# ---- the database

class Postgres:
    def __init__(self, home):
        found = sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'))
        self.bin = os.path.dirname(found[-1])
        self.home, self.data, self.port = home, home + '/data', free_port()
        self.user = None
        if os.getuid() == 0:
            self.user = 'postgres' if 'postgres' in [p.pw_name for p in pwd.getpwall()] else 'nobody'
        os.makedirs(home, exist_ok=True)
        if self.user:
            shutil.chown(home, self.user)

    def do(self, tool, *args):
        as_user = ['setpriv', '--reuid=' + self.user, '--clear-groups', '--'] if self.user else []
        return subprocess.run(as_user + [self.bin + '/' + tool, *args], cwd='/', stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def configure(self, *more):
        with open(self.data + '/postgresql.conf', 'a') as f:
            f.write('\n'.join([f'port = {self.port}', "listen_addresses = '127.0.0.1'",
                               f"unix_socket_directories = '{self.home}'", 'max_connections = 50',
                               'shared_buffers = 16MB', *more]) + '\n')

    def make(self, *more):
        self.do('initdb', '-D', self.data, '-U', 'pz', '-A', 'trust', '-E', 'UTF8', '--locale=C')
        self.configure(*more)

    def start(self, wait=True):
        self.do('pg_ctl', '-D', self.data, '-l', self.home + '/server.log', '-w' if wait else '-W', '-t', '60', 'start')

    def stop(self, mode='fast'):
        self.do('pg_ctl', '-D', self.data, '-m', mode, '-w', '-t', '60', 'stop')

    def pids(self):
        with open(self.data + '/postmaster.pid') as f:
            pid = int(f.readline())
        children = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(pid)], stdout=subprocess.PIPE, text=True).stdout
        return [pid] + [int(x) for x in children.split()]

    def signal(self, sig):
        """To all of it at once."""
        for p in self.pids():
            try:
                os.kill(p, sig)
            except ProcessLookupError:
                pass

    def kill(self):
        pid = self.pids()[0]
        self.signal(signal.SIGKILL)
        while os.path.exists(f'/proc/{pid}') and open(f'/proc/{pid}/stat').read().split()[2] != 'Z':
            time.sleep(0.02)

    def sql(self, text):
        return run('psql', '-XAtqh', '127.0.0.1', '-p', str(self.port), '-U', 'pz', 'postgres', '-c', text).strip()

    def cpu(self):
        """Seconds of all its processes, also of those that ended."""
        ticks, pids = 0, self.pids()
        for p in pids:
            try:
                fields = open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()
            except FileNotFoundError:
                continue
            ticks += sum(int(fields[i]) for i in ((11, 12, 13, 14) if p == pids[0] else (11, 12)))
        return ticks / os.sysconf('SC_CLK_TCK')

    @property
    def url(self):
        return f'postgresql://pz@127.0.0.1:{self.port}/postgres'


# ---- hosts

class LocalConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connection(port, timeout):
    """To a port here, or to a socket of the file system."""
    if isinstance(port, str):
        return LocalConnection(port, timeout)
    return http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)


class Host:
    def __init__(self, name, port=None, namespace=None):
        self.name, self.pzc, self.port, self.server = name, name + '/home.pzc', port or free_port(), None
        self.namespace = namespace
        if namespace:  # no namespace of networks hides a socket of the file system
            self.port = os.path.abspath(name) + '.sock'

    def join(self, url, model='home.pzm'):
        os.makedirs(self.name)
        run('pz-deploy', 'publish', '-q', self.pzc, model)
        run('pz-deploy', 'set', self.pzc, 'seen', 'exclude')
        run('pz-deploy', 'set', self.pzc, 'log', url)
        run('pz-deploy', 'log', 'init', '-q', self.pzc)

    def start(self):
        err = open(self.name + '/server.err', 'a')
        inside = ['ip', 'netns', 'exec', self.namespace.name] if self.namespace else []
        listen = 'unix:' + self.port if self.namespace else f'127.0.0.1:{self.port}'
        self.server = subprocess.Popen(inside + ['pz-deploy', 'serve', '--no-auth', '--listen', listen, self.pzc],
                                       stdin=subprocess.DEVNULL, stdout=err, stderr=err)

    def ready(self, wait=30):
        until = time.time() + wait
        while time.time() < until:
            try:
                c = connection(self.port, 5)
                c.request('GET', '/readyz')
                if c.getresponse().status == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False

    def end(self, sig=signal.SIGTERM):
        if self.server:
            self.server.send_signal(sig)
            status = self.server.wait()
            if sig == signal.SIGTERM and status != 0:
                complain(f'{self.name} ended with {status}')
        self.server = None

    def content(self):
        run('pz-deploy', 'log', 'sync', '-q', self.pzc)
        return [run('pz-event', 'export', '-q', '--table', t, self.pzc) for t in ('interactions', 'items', 'users', 'forgotten')]


class Client:
    """One connection, made again when it breaks."""

    def __init__(self, port):
        self.port, self.c = port, None

    def post(self, path, body):
        """Status, and the document or None; status 0: no answer."""
        try:
            if not self.c:
                self.c = connection(self.port, 30)
            self.c.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
            r = self.c.getresponse()
            text = r.read()
            return r.status, json.loads(text) if text.startswith(b'{') else None
        except (OSError, http.client.HTTPException):
            self.c = None
            return 0, None

    def put(self, user, item, event_id):
        return self.post('/events', {'trackingId': 'home', 'userId': user, 'sessionId': 's' + user, 'eventList': [
            {'eventType': 'click', 'itemId': item, 'sentAt': 1700000000, 'eventId': event_id}]})[0]

    def top(self, user):
        status, doc = self.post('/recommendations', {'campaignArn': ARN, 'userId': user, 'numResults': 1})
        return doc['itemList'][0]['itemId'] if status == 200 and doc['itemList'] else None


def compare(hosts, what):
    """All hosts, and one that joins now, hold the same."""
    fresh = Host('fresh-' + what)
    fresh.join(hosts[0].url)
    first, same = hosts[0].content(), True
    for h in hosts[1:] + [fresh]:
        if h.content() != first:
            complain(f'{what}: {h.name} and {hosts[0].name} differ')
            same = False
    return first, same


def check_acknowledged(pg, acked, what):
    stored = pg.sql("SELECT encode(substring(body FROM 17), 'escape') FROM pz_log WHERE kind = 1")
    ids = re.findall(r'\bid-[0-9]+-[0-9]+\b', stored.replace('\\000', ' '))
    lost = set(acked) - set(ids)
    if lost:
        complain(f'{what}: {len(lost)} acknowledged events are lost, as {sorted(lost)[:3]}')
    return len(lost), len(ids) - len(set(ids))


# ---- pairs

def haproxy(hosts):
    port = free_port()
    page = open(ROOT + '/man/pz-serve.7').read()
    cfg = page[page.index('begin haproxy.cfg'):page.index('end haproxy.cfg')].split('\n')[1:-1]
    lines = [l for l in cfg if not l.startswith('.') and not l.strip().startswith('server ')]
    lines += [f'    server {h.name} 127.0.0.1:{h.port} check inter 500ms fastinter 100ms' for h in hosts]
    with open('haproxy.cfg', 'w') as f:
        f.write('\n'.join(lines).replace(':8080', f':{port}') + '\n')
    p = subprocess.Popen(['haproxy', '-f', 'haproxy.cfg'], stdout=open('haproxy.log', 'w'), stderr=subprocess.STDOUT)
    until = time.time() + 30
    while time.time() < until:
        if Client(port).top('u0') is not None:
            return p, port
        time.sleep(0.1)
    raise SystemExit('haproxy does not answer')


def pairs(pg, n):
    pg.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    hosts = [Host('p' + c) for c in 'abc']
    for h in hosts:
        h.join(pg.url)
        h.url = pg.url
    for h in hosts[:2]:
        h.start()
    for h in hosts[:2]:
        h.ready()
    proxy, port = haproxy(hosts)
    lock, done, stale, unanswered, acked = threading.Lock(), [0], [0], [0], []

    def work(k):
        client, i = Client(port), 0
        while True:
            with lock:
                if done[0] >= n:
                    return
            user, event = f'w{k}-{i // 10}', f'id-{k}-{i}'
            i += 1
            item = client.top(user)
            if item is None or client.put(user, item, event) != 200:
                unanswered[0] += 1
                time.sleep(0.05)
                continue
            after = None
            for _ in range(100):
                after = client.top(user)
                if after is not None:
                    break
                time.sleep(0.05)
            with lock:
                acked.append(event)
                done[0] += 1
                stale[0] += after == item
                if after is None:
                    unanswered[0] += 1

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    began = time.time()
    for t in threads:
        t.start()
    turns = [('killed', lambda: (hosts[0].end(signal.SIGKILL), time.sleep(2), hosts[0].start())),
             ('joins', lambda: hosts[2].start()),
             ('leaves', lambda: hosts[1].end()),
             ('joins again', lambda: hosts[1].start()),
             ('leaves', lambda: hosts[2].end())]
    counts = {}
    while any(t.is_alive() for t in threads):
        name, turn = turns[0]
        turns = turns[1:] + turns[:1]
        turn()
        counts[name.split()[0]] = counts.get(name.split()[0], 0) + 1
        for _ in range(40):
            if any(t.is_alive() for t in threads):
                time.sleep(0.1)
    seconds = time.time() - began
    proxy.terminate()
    proxy.wait()
    for h in hosts:
        h.end()
    if stale[0]:
        complain(f'pairs: {stale[0]} answers lacked what had been acknowledged')
    lost, twice = check_acknowledged(pg, acked, 'pairs')
    _, same = compare(hosts, 'pairs')
    say(f'pairs: {done[0]} in {seconds:.0f} s, {stale[0]} stale, {lost} lost, {unanswered[0]} to be sent again; hosts '
        + ', '.join(f'{k} {v} times' for k, v in counts.items()) + f'; the same everywhere: {same}')


# ---- faults

def write(hosts, stop, acked, lock, k, refused):
    clients, i = [Client(h.port) for h in hosts], 0
    while not stop.is_set():
        event, user = f'id-{k}-{i}', f'f{k}-{i % 50}'
        i += 1
        client = clients[random.randrange(len(clients))]
        for _ in range(200):  # as an SDK does: again until it is taken
            status = client.put(user, f'i{random.randrange(500):04}', event)
            if status == 200:
                with lock:
                    acked.append(event)
                break
            with lock:
                refused[status] = refused.get(status, 0) + 1
            if stop.is_set():
                break
            time.sleep(0.1)
            client = clients[random.randrange(len(clients))]


def taken_again(acked, when):
    before, until = len(acked), time.time() + 20
    while len(acked) == before and time.time() < until:
        time.sleep(0.1)
    if len(acked) == before:
        complain('faults: nothing is taken after ' + when)
    time.sleep(3)


def faults(pg, seconds, away):
    pg.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    hosts = [Host('f' + c) for c in 'ab']
    for h in hosts:
        h.join(pg.url)
        h.url = pg.url
        h.start()
    for h in hosts:
        h.ready()
    stop, acked, lock, refused = threading.Event(), [], threading.Lock(), {}
    threads = [threading.Thread(target=write, args=(hosts, stop, acked, lock, k, refused)) for k in range(8)]
    for t in threads:
        t.start()
    kills, until = {'host': 0, 'database': 0}, time.time() + seconds
    while time.time() < until:
        time.sleep(random.uniform(0.5, 3))
        if random.random() < 0.7:
            h = random.choice(hosts)
            h.end(signal.SIGKILL)
            kills['host'] += 1
            time.sleep(random.uniform(0, 1))
            h.start()
        else:
            pg.kill()
            kills['database'] += 1
            time.sleep(random.uniform(0, 2))
            pg.start()
    pg.stop('immediate')
    time.sleep(away)
    pg.start()
    taken_again(acked, 'the database came back')
    pg.signal(signal.SIGSTOP)  # as behind a cut network: it takes connections and says nothing
    time.sleep(away / 2)
    pg.signal(signal.SIGCONT)
    taken_again(acked, 'the database went on')
    stop.set()
    for t in threads:
        t.join()
    for h in hosts:
        h.end()
    lost, twice = check_acknowledged(pg, acked, 'faults')
    if not any(s == 503 for s in refused):
        complain('faults: nobody was told 503 while the database was away')
    _, same = compare(hosts, 'faults')
    say(f'faults: {len(acked)} acknowledged, {lost} lost; killed: hosts {kills["host"]}, database {kills["database"]}; away '
        f'{away:g} s, silent {away / 2:g} s; answers that were none: {refused}; the same everywhere, also from the beginning: {same}')


# ---- failover

def failover(pg):
    pg.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    other = Postgres(os.path.abspath('standby'))
    pg.do('pg_basebackup', '-D', other.data, '-h', '127.0.0.1', '-p', str(pg.port), '-U', 'pz', '-R', '-X', 'stream')
    other.configure('hot_standby = on')
    with open(other.data + '/postgresql.auto.conf', 'a') as f:
        f.write(f"primary_conninfo = 'host=127.0.0.1 port={pg.port} user=pz application_name=standby'\n")
    other.start()
    pg.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    pg.sql('SELECT pg_reload_conf()')
    for _ in range(200):
        if pg.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == '1':
            break
        time.sleep(0.1)
    url = f'postgresql://pz@127.0.0.1:{pg.port},127.0.0.1:{other.port}/postgres'
    hosts = [Host('o' + c) for c in 'ab']
    for h in hosts:
        h.join(url)
        h.url = url
        h.start()
    for h in hosts:
        h.ready()
    stop, acked, lock, refused = threading.Event(), [], threading.Lock(), {}
    threads = [threading.Thread(target=write, args=(hosts, stop, acked, lock, k, refused)) for k in range(8)]
    for t in threads:
        t.start()
    time.sleep(6)
    before = len(acked)
    pg.kill()
    other.do('pg_ctl', '-D', other.data, '-w', 'promote')
    began = time.time()
    while len(acked) == before and time.time() < began + 60:
        time.sleep(0.05)
    gap = time.time() - began
    time.sleep(5)
    stop.set()
    for t in threads:
        t.join()
    for h in hosts:
        h.end()
    if len(acked) <= before:
        complain('failover: nothing is taken by the standby')
    lost, twice = check_acknowledged(other, acked, 'failover')
    _, same = compare(hosts, 'failover')
    say(f'failover: {before} acknowledged before, {len(acked) - before} after, {lost} lost; taken again {gap:.1f} s after '
        f'the standby was promoted; the same everywhere: {same}')
    other.stop('immediate')
    pg.start()
    pg.sql('ALTER SYSTEM RESET synchronous_standby_names')
    pg.sql('SELECT pg_reload_conf()')


# ---- network

class Namespace:
    """A network of its own with a link to this one, by which it reaches the database. Addresses are of the range for
    benchmarks (RFC 2544)."""

    def __init__(self, number):
        self.name, self.link, self.net = f'pz{os.getpid()}-{number}', f'pz{os.getpid()}v{number}', f'198.18.{number}'
        self.database = self.net + '.1'

    def make(self):
        run('ip', 'netns', 'add', self.name)
        run('ip', 'link', 'add', self.link, 'type', 'veth', 'peer', 'name', 'out', 'netns', self.name)
        run('ip', 'addr', 'add', self.net + '.1/24', 'dev', self.link)
        run('ip', '-n', self.name, 'addr', 'add', self.net + '.2/24', 'dev', 'out')
        run('ip', '-n', self.name, 'link', 'set', 'out', 'up')
        self.set_link('up')

    def set_link(self, state):
        run('ip', 'link', 'set', self.link, state)

    def remove(self):
        for what in (['link', 'del', self.link], ['netns', 'del', self.name]):
            subprocess.run(['ip', *what], stderr=subprocess.DEVNULL)


def write_network(host, stop, cut, tally, lock, k):
    """Events to one host; what was sent when its link was cut already may not be acknowledged."""
    client, i = Client(host.port), 0
    while not stop.is_set():
        event, user, turn = f'id-{k}-{i}', f'n{k}-{i % 50}', cut.get(host.name)
        i += 1
        status = client.put(user, f'i{random.randrange(500):04}', event)
        with lock:
            if status == 200:
                tally['acked'].append(event)
                tally[host.name] += 1
                tally['while down'] += turn is not None and cut.get(host.name) == turn
            else:
                tally['refused'][status] = tally['refused'].get(status, 0) + 1
        if status != 200:
            time.sleep(0.1)


def network(pg, away):
    spaces = [Namespace(1), Namespace(2)]
    try:
        for s in spaces:
            s.make()
    except (OSError, subprocess.CalledProcessError) as e:
        for s in spaces:
            s.remove()
        say('network: skipped, no network namespaces for us:', getattr(e, 'stderr', '') or e)
        return
    try:
        network_between(pg, away, spaces)
    finally:
        for s in spaces:
            s.remove()


def network_between(pg, away, spaces):
    pg.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    with open(pg.data + '/pg_hba.conf', 'a') as f:
        f.write('host all all 198.18.0.0/15 trust\n')
    pg.sql("ALTER SYSTEM SET listen_addresses = '*'")
    pg.stop()
    pg.start()
    hosts = [Host('n' + c, namespace=s) for c, s in zip('ab', spaces)]
    for h in hosts:
        h.url = f'postgresql://pz@{h.namespace.database}:{pg.port}/postgres'
        h.join(h.url)
        h.start()
    if not all([h.ready() for h in hosts]):
        complain('network: a host is not ready')
        return
    stop, cut, lock = threading.Event(), {}, threading.Lock()
    tally = {'acked': [], 'refused': {}, 'while down': 0, 'na': 0, 'nb': 0}
    threads = [threading.Thread(target=write_network, args=(hosts[k % 2], stop, cut, tally, lock, k)) for k in range(8)]
    for t in threads:
        t.start()
    for turn in range(2):
        time.sleep(3)
        spaces[1].set_link('down')
        cut['nb'] = turn
        other = tally['na']
        time.sleep(away / 2)
        if tally['na'] == other:
            complain('network: the host whose link holds takes nothing')
        del cut['nb']
        spaces[1].set_link('up')
        before, until = tally['nb'], time.time() + 60
        while tally['nb'] == before and time.time() < until:
            time.sleep(0.1)
        if tally['nb'] == before:
            complain('network: nothing is taken after the link came back')
    stop.set()
    for t in threads:
        t.join()
    stale, clients = 0, [Client(h.port) for h in hosts]
    for i in range(200):
        here, there = clients[i % 2], clients[1 - i % 2]
        item = here.top('pair')
        status = here.put('pair', item, f'id-9-{i}')
        stale += status == 200 and there.top('pair') == item
        tally['acked'] += [f'id-9-{i}'] if status == 200 else []
    for h in hosts:
        h.end()
    if tally['while down'] or stale:
        complain(f'network: {tally["while down"]} acknowledged while the link was down, {stale} stale after')
    lost, _ = check_acknowledged(pg, tally['acked'], 'network')
    _, same = compare(hosts, 'network')
    say(f'network: {len(tally["acked"])} acknowledged, {tally["while down"]} of them without a link, {lost} lost, {stale} of 200 '
        f'stale after; the link was down twice for {away / 2:g} s; answers that were none: {tally["refused"]}; '
        f'the same everywhere: {same}')


# ---- speed

def speed(pg, n=20000, batch=64):
    pg.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    h = Host('s')
    h.join(pg.url)
    for size in (batch, 1000):
        lines = [json.dumps({'userId': f'u{random.randrange(1000)}', 'sessionId': 's1', 'itemId': f'i{i % 500:04}',
                             'eventType': 'click', 'eventId': f'e{size}-{i}', 'timestamp': 1700000000 + i}) + '\n'
                 for i in range(n)]
        p = subprocess.Popen(['pz-event', 'put', '-q', '--acks', h.pzc, '-'], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.write(p.stdin.fileno(), lines[0].encode())
        p.stdout.readline()
        db, began = pg.cpu(), time.time()
        for at in range(1, n, size):
            part = ''.join(lines[at:at + size]).encode()
            while part:
                part = part[os.write(p.stdin.fileno(), part):]
            while int(re.findall(rb'[0-9]+', p.stdout.readline())[0]) < min(at + size, n):
                pass
        seconds = time.time() - began
        p.stdin.close()
        _, status, usage = os.wait4(p.pid, 0)
        cpu = usage.ru_utime + usage.ru_stime
        say(f'speed: {n} events in batches of {size}: {n / seconds:.0f}/s, CPU {1e6 * cpu / n:.0f} us an event here and '
            f'{1e6 * (pg.cpu() - db) / n:.0f} us in the database')


def main():
    bin_dir, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:] or ['pairs', 'faults', 'failover', 'network', 'speed']
    os.environ['PATH'] = bin_dir + ':' + os.environ['PATH']
    missing = [t for t in ('haproxy', 'psql') if not shutil.which(t)]
    if missing or not glob.glob('/usr/lib/postgresql/*/bin/initdb'):
        say('skipped: PostgreSQL or haproxy is not installed: scripts/install-deps.sh --log')
        return 0
    home = tempfile.mkdtemp(prefix='pz-cluster.')
    os.chmod(home, 0o755)
    os.chdir(home)
    pg = Postgres(home + '/db')
    try:
        pg.make()
        pg.start()
        lines = open(ROOT + '/sample-data/interactions.csv').read().split('\n')
        with open('inter.csv', 'w') as f:
            f.write('\n'.join([lines[0]] + [l for l in lines[1:] if l[4:5] == '0']) + '\n')
        run('pz-import', '-q', '-o', 'shop.pzd', '--interactions', 'inter.csv', '--items', ROOT + '/sample-data/items.csv')
        run('pz-train', '-q', '-o', 'home.pzm', '--no-tune', '--recipe', 'user-personalization', '-p', 'sequence=off',
            'shop.pzd')
        if 'pairs' in wanted:
            pairs(pg, int(os.environ.get('PAIRS', '10000')))
        if 'faults' in wanted:
            faults(pg, float(os.environ.get('SECONDS_OF_FAULTS', '60')), float(os.environ.get('AWAY', '30')))
        if 'failover' in wanted:
            failover(pg)
        if 'network' in wanted:
            network(pg, float(os.environ.get('AWAY', '30')))
        if 'speed' in wanted:
            speed(pg)
    finally:
        pg.stop('immediate')
        if wrong:
            say('kept:', home)
        else:
            shutil.rmtree(home, ignore_errors=True)
    return 1 if wrong else 0


sys.exit(main())
