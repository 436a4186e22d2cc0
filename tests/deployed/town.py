"""Machines of a network of their own: each a network namespace with a root directory, in which the files of the recipe lie where it
puts them. All of it ends with the process that made it, which is the first of a PID namespace and alone in its mount namespace."""
import ctypes, os, pathlib, shutil, subprocess, time

PATIENCE = 120
SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
KEPT = ("alternatives", "group", "host.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf", "passwd", "protocols",
        "services", "shadow", "ssl", "java-17-openjdk", "postgresql-common")


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, **more)


def wait_for(what, deed):
    end = time.monotonic() + PATIENCE
    while not (found := deed()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)
    return found


class Town:
    def __init__(self, place, names):
        """names: of hosts to their addresses."""
        self.place, self.names = pathlib.Path(place), names
        run("mount", "--make-rprivate", "/")
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        run("ip", "link", "add", "name", "street", "type", "bridge")
        run("ip", "link", "set", "dev", "street", "up")

    def machine(self, name, *addresses):
        return Machine(self, name, addresses)


class Machine:
    def __init__(self, town, name, addresses):
        self.town, self.name, self.root, self.running = town, name, town.place / name, {}
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        if addresses:
            run("ip", "link", "add", "name", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", "dev", f"to-{name}", "master", "street", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        for address in addresses:
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        self.furnish()

    def furnish(self):
        self.root.mkdir()
        for directory in SYSTEM:
            there = pathlib.Path("/", directory)
            if there.is_symlink():
                (self.root / directory).symlink_to(os.readlink(there))
            elif there.exists():
                self.bind(there, directory)
        for directory in ("etc", "opt", "root", "run", "srv", "var/lib", "var/log"):
            (self.root / directory).mkdir(parents=True)
        for directory in ("tmp", "var/tmp"):
            (self.root / directory).mkdir(mode=0o1777)
            (self.root / directory).chmod(0o1777)
        self.bind("/dev", "dev")
        self.bind("/proc", "proc")
        for name in KEPT:
            there, here = pathlib.Path("/etc", name), self.root / "etc" / name
            if there.is_dir():
                shutil.copytree(there, here, symlinks=True, ignore_dangling_symlinks=True)
            elif there.exists():
                shutil.copy2(there, here)
        lines = ["127.0.0.1 localhost", *(f"{address} {host}" for host, address in self.town.names.items())]
        self.put("etc/hosts", "\n".join(lines) + "\n")

    def bind(self, there, directory):
        (self.root / directory).mkdir()
        run("mount", "--rbind", there, self.root / directory)

    def put(self, name, content, owner=0, mode=0o644):
        """owner: a user, whose group has the same number, or both."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(path, *(owner if isinstance(owner, tuple) else (owner, owner)))
        path.chmod(mode)

    def directory(self, name, owner):
        (self.root / name).mkdir(parents=True, exist_ok=True)
        os.chown(self.root / name, owner, owner)

    def words(self, *words, user="0", variables={}):
        """A command in this machine: with its own name, network and files."""
        words = ["env", *(f"{name}={value}" for name, value in variables.items()), *words]
        inside = 'hostname "$1"; root=$2 user=$3; shift 3; exec chroot --userspec="$user" "$root" "$@"'
        before = ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", inside, "sh", self.name, self.root, user]
        return [str(word) for word in (*before, *words)]

    def run(self, *words, user="0", variables={}, **more):
        done = subprocess.run(self.words(*words, user=user, variables=variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        assert done.returncode == 0, f"{self.name}: {words}: {done.stdout}"
        return done.stdout

    def start(self, what, *words, user="0", variables={}):
        with open(self.root / "var/log" / what, "ab") as log:
            self.running[what] = subprocess.Popen(self.words(*words, user=user, variables=variables), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log(self, what):
        return (self.root / "var/log" / what).read_text(errors="replace")

    def logs(self, what, *told, after=0):
        """Waits for a line with all of this."""
        find = lambda: next((line for line in self.log(what)[after:].splitlines() if all(one in line for one in told)), None)
        return wait_for(f"{told} of {self.name}", lambda: find() or self.alive(what) or find())

    def alive(self, what):
        """Nothing, or that it is not."""
        if self.running[what].poll() is not None:
            raise AssertionError(f"{self.name}: {what} has ended: {self.log(what)[-3000:]}")

    def enter(self):
        """This thread, into the machine's network."""
        with open(f"/run/netns/{self.name}") as there:
            if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")
