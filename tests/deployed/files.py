"""What deploy/replicas says, read."""
import pathlib, re, tomllib
import yaml

HOUSE = pathlib.Path(__file__).resolve().parents[2]
REPLICAS = HOUSE / "deploy/replicas"
BALANCER = "10.20.0.5"


def text(name):
    return (REPLICAS / name).read_text()


def toml(name):
    return tomllib.loads(text(name))


def documents(name):
    return list(yaml.safe_load_all(text(name)))


def default(key):
    """Of a limit, as the reference has it."""
    return int(re.search(rf"^# {key} = (\d+)", (HOUSE / "config/reference.toml").read_text(), re.M)[1])


def seconds(said):
    number, unit = re.fullmatch(r"(\d+)(s|m)?", str(said)).groups()
    return int(number) * (60 if unit == "m" else 1)


class Haproxy:
    """Sections by kind and name, each a list of lines, each a list of words."""

    def __init__(self, said):
        self.sections = {}
        for line in said.splitlines():
            words = line.split("#")[0].split()
            if words and not line.startswith(" "):
                here = self.sections.setdefault((words[0], words[1] if words[1:] else ""), [])
            elif words:
                here.append(words)

    def of(self, kind):
        return {name: lines for (is_, name), lines in self.sections.items() if is_ == kind}

    def setting(self, *names, section=("defaults", "")):
        lines = [line[len(names):] for line in self.sections[section] if line[: len(names)] == list(names)]
        assert len(lines) == 1, (names, lines)
        return lines[0]

    def servers(self, backend):
        """(name, address, port, the other words) of each."""
        lines = self.of("backend")[backend]
        common = [word for line in lines if line[0] == "default-server" for word in line[1:]]
        split = [(line[1], *line[2].rsplit(":", 1), line[3:] + common) for line in lines if line[0] == "server"]
        return [(name, address, int(port), words) for name, address, port, words in split]


def port(address):
    return int(str(address).rsplit(":", 1)[1])
