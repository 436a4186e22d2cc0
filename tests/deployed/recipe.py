"""The recipe of deploy/replicas for machines with systemd, as it stands: PostgreSQL, three replicas and HAProxy, each a machine of its own with the
files that it has there; a program's machine, and the simulated provider."""
import pathlib, signal, subprocess
import layouts
from files import BALANCER, Haproxy, text
from forward import forward
from postgres import Postgres
from town import Town, wait_for

HERE = pathlib.Path(__file__).parent
SERVICE, PASSWORD, PROGRAM = "990:990", "the-local-password", "192.0.2.7"
replicas = [(name, address) for name, address, _, _ in Haproxy(text("haproxy.cfg")).servers("replicas")]
DATABASES = {"db1": "10.20.0.21", "db2": "10.20.0.22"}


class Recipe:
    def __init__(self, gatepost, simulated, place):
        """place / "secrets" is there already."""
        self.gatepost, self.simulated, self.place = gatepost, simulated, place
        names = {f"{name}.example.com": address for name, address in DATABASES.items()} | {"mail.example.com": "192.0.2.5"}
        self.town = Town(self.place, names)
        self.provider = self.town.machine("provider")
        self.databases = [Postgres(self.town.machine(*one), self.secret) for one in DATABASES.items()]
        self.replicas = [self.town.machine(*one) for one in replicas]
        self.balancer = self.town.machine("balancer", BALANCER, "192.0.2.5")
        self.program = self.town.machine("program", PROGRAM)

    def secret(self, name):
        return (self.place / "secrets" / name).read_bytes()

    def simulate(self):
        self.provider.put("opt/provider", self.simulated.read_bytes(), mode=0o755)
        (self.provider.root / "srv/told").mkdir()
        self.provider.start("provider", "/opt/provider", "/srv/told")
        told = self.provider.root / "srv/told/provider.toml"
        wait_for("the simulated provider", told.exists)
        self.told = {name: (told.parent / name).read_bytes() for name in ("provider.toml", "ca.pem")}
        forward(self.provider, self.replicas, told.read_text())

    def furnish(self, replica):
        uid = 990
        with open(replica.root / "etc/passwd", "a") as file:
            file.write("gatepost:x:990:990::/var/lib/gatepost:/usr/sbin/nologin\n")
        replica.put("opt/gatepost", self.gatepost.read_bytes(), mode=0o755)
        at = "etc/gatepost"
        replica.put(f"{at}/gatepost.toml", text("gatepost.toml"), uid)
        replica.put(f"{at}/gatepost.toml.d/store.toml", text("systemd/store.toml"), uid)
        for name, content in self.told.items():
            replica.put(f"{at}/gatepost.toml.d/{name}", content, uid)
        for name, kept in ("gatepost.key", "store.key"), ("secrets/database", "database"), ("tls/key.pem", "tls/key.pem"):
            replica.put(f"{at}/{name}", self.secret(kept), uid, 0o600)
        replica.put(f"{at}/tls/cert.pem", self.secret("tls/cert.pem"), uid)
        replica.put(f"{at}/database-ca.pem", self.secret("database-ca.pem"), uid)
        for directory in "run/gatepost", "var/lib/gatepost":
            replica.directory(directory, uid)

    def check_others(self):
        """The configurations of the other recipes."""
        hash_of = lambda password: self.replicas[0].run("/opt/gatepost", "hash-password", input=f"{password}\n").splitlines()[-1]
        for here, variables in layouts.pod(self.town, self.secret, hash_of), layouts.compose(self.town, self.secret):
            layouts.check(here, self.gatepost.read_bytes(), variables)

    def command(self, replica, *words, said=""):
        return replica.run("/opt/gatepost", *words, "--config", "/etc/gatepost/gatepost.toml", user=SERVICE, input=said)

    def serve(self, replica):
        so_far = len(replica.log("gatepost")) if "gatepost" in replica.running else 0
        replica.start("gatepost", "/opt/gatepost", "serve", "--config", "/etc/gatepost/gatepost.toml", user=SERVICE)
        replica.logs("gatepost", "service.listening", "1995", after=so_far)

    def balance(self):
        self.balancer.put("etc/haproxy/haproxy.cfg", text("haproxy.cfg"))
        self.balancer.put("etc/haproxy/pages.pem", self.secret("pages.pem"), mode=0o600)
        self.balancer.directory("run/haproxy", 0)
        self.balancer.start("haproxy", "haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg")
        wait_for("HAProxy", lambda: (self.balancer.root / "run/haproxy/admin.sock").exists() or self.balancer.alive("haproxy"))
        self.balanced("UP", *(one.name for one in self.replicas))

    def balanced(self, state, *names):
        """Waits until HAProxy takes these for that."""
        ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); s.send(b'show stat\\n'); print(s.makefile().read())"
        def found():
            rows = [row.split(",") for row in self.balancer.run("/usr/bin/python3", "-c", ask).splitlines()]
            states = {row[1]: row[17] for row in rows if row[0] == "imaps"}
            return all(states[name].startswith(state) for name in names)
        wait_for(f"HAProxy to take {names} for {state}", found)

    def programs(self, deed, user="evmail", **more):
        self.program.put("etc/ssl/mail.pem", self.secret("tls/cert.pem"))
        self.program.put("srv/mail.py", (HERE / "mail.py").read_bytes())
        words = self.program.words("/usr/bin/python3", "/srv/mail.py", deed, user, PASSWORD)
        return subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)

    def once(self, deed="once"):
        done = self.programs(deed)
        said = done.communicate()[0]
        assert done.returncode == 0, said

    def known(self, user):
        """Waits until this account can log in at each door."""
        def lets_in():
            done = self.programs("once", user)
            done.communicate()
            return done.returncode == 0
        wait_for(f"{user} to be let in", lets_in)

    def going_on(self, deed):
        """Does this while programs log in; none of them may fail."""
        programs = self.programs("on", stdin=subprocess.PIPE)
        count = lambda: int(programs.stdout.readline() or self.failed(programs))
        before = count()
        deed()
        # What was printed meanwhile is read behind it.
        said = programs.communicate("")[0].splitlines()
        assert programs.returncode == 0 and said, "\n".join(said[-30:])
        return int(said[-1]) - before

    def failed(self, programs):
        raise AssertionError(f"a login failed: {programs.communicate()[0][-3000:]}")

    def stop(self, replica, number=signal.SIGTERM):
        replica.running["gatepost"].send_signal(number)
        return replica.running["gatepost"].wait()
