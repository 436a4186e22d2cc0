"""PostgreSQL as the recipe has it: its files, the role and the database, and a standby."""
import pathlib, signal
from files import text

USER, DATA = "postgres", "/var/lib/postgresql/main"
# The standby is whoever keeps databases' own matter, and no part of the recipe.
COPIED = "host replication postgres 10.20.0.22/32 trust\nlocal all postgres peer\n"


class Postgres:
    def __init__(self, machine, secret):
        self.machine, self.secret = machine, secret
        self.programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        users = dict(line.split(":")[0::2][:2] for line in pathlib.Path("/etc/passwd").read_text().splitlines())
        self.uid = int(users[USER])
        for directory in "var/lib/postgresql", "run/postgresql":
            machine.directory(directory, self.uid)
        machine.put("etc/postgresql/server.crt", secret("database.crt"), self.uid)
        machine.put("etc/postgresql/server.key", secret("database-key.pem"), self.uid, 0o600)
        machine.put("etc/postgresql/gatepost.conf", text("systemd/postgresql.conf"), self.uid)

    def make(self):
        self.run(self.programs / "initdb", "-D", DATA, "--auth=peer", "--no-sync", "--encoding=UTF8")
        place = self.machine.root / DATA[1:]
        (place / "pg_hba.conf").write_text(text("systemd/pg_hba.conf") + COPIED)
        with open(place / "postgresql.conf", "a") as file:
            file.write("include '/etc/postgresql/gatepost.conf'\nunix_socket_directories = '/run/postgresql'\n")
        self.start()
        self.machine.put("srv/database", self.secret("database"), self.uid, 0o600)
        self.machine.put("srv/gatepost.sql", text("gatepost.sql"))
        self.psql("-f", "/srv/gatepost.sql", PASSWORD_FILE="/srv/database")

    def follow(self, host):
        """As a standby of the server on this host."""
        self.run(self.programs / "pg_basebackup", "-h", host, "-U", USER, "-D", DATA, "-R", "--checkpoint=fast", "--no-sync")
        self.start("ready to accept read-only connections")
        self.machine.logs("postgres", "started streaming WAL")

    def start(self, ready="ready to accept connections"):
        so_far = len(self.machine.log("postgres")) if "postgres" in self.machine.running else 0
        self.machine.start("postgres", self.programs / "postgres", "-D", DATA, user=USER)
        self.machine.logs("postgres", ready, after=so_far)

    def stop(self, number=signal.SIGINT):
        self.machine.running["postgres"].send_signal(number)
        self.machine.running["postgres"].wait()

    def promote(self):
        assert "t" in self.psql("-Atc", "SELECT pg_promote()")

    def psql(self, *words, **variables):
        return self.run("psql", "-h", "/run/postgresql", "-v", "ON_ERROR_STOP=1", *words, variables=variables)

    def run(self, *words, variables={}):
        return self.machine.run(*words, user=USER, variables=variables)
