"""What the files of deploy/replicas say fits together: ports, addresses, names, and the times of a stop."""
import re
from files import BALANCER, HOUSE, REPLICAS, Haproxy, default, documents, port, seconds, text, toml

# What programs find where.
DOORS = {
    25: ("smtp", "starttls"), 587: ("smtp", "starttls"), 465: ("smtp", "implicit"), 143: ("imap", "starttls"),
    993: ("imap", "implicit"), 110: ("pop3", "starttls"), 995: ("pop3", "implicit"),
}
PAGES = {80, 443}
EXCLUDED = "/readyz?exclude=tokens,store"
# What a stop takes behind shutdown_seconds, twice that at most (src/cli/serve/drain.rs).
FAREWELL = 5

haproxy = Haproxy(text("haproxy.cfg"))
replicas = {name: address for name, address, _, _ in haproxy.servers("replicas")}


def stop(settings):
    limits = settings["limits"]
    return limits["notice_seconds"] + 2 * limits["shutdown_seconds"] + FAREWELL


def listeners(settings):
    return {port(listener["address"]): listener for listener in settings["listeners"]}


def haproxy_leads_to_listeners_that_take_its_headers():
    settings = toml("gatepost.toml")
    doors, seen = listeners(settings), set()
    trusted = [f"{BALANCER}/32"]
    for name, lines in haproxy.of("frontend").items():
        ports = {port(line[1]) for line in lines if line[0] == "bind"}
        servers = haproxy.servers(next(line[1] for line in lines if line[0] == "default_backend"))
        assert {server: address for server, address, _, _ in servers} == replicas, name
        behind = {where for _, _, where, _ in servers}
        assert len(behind) == 1, (name, "each replica has the same ports")
        for server, _, _, words in servers:
            assert words[words.index("track") + 1] == f"replicas/{server}", (name, server, "asks the wrong one")
            assert ("send-proxy-v2" in words) == (name != "pages"), (name, server)
        if name == "pages":
            assert ports == PAGES and behind == {port(settings["admin"]["address"])}
            assert settings["admin"]["reverse_proxy"] == trusted
            continue
        [outside], [inside] = ports, behind
        listener = doors[inside]
        assert (listener["protocol"], listener["tls"]) == DOORS[outside], (name, listener)
        assert listener["proxy_protocol"] == trusted, (name, "does not take PROXY headers of HAProxy alone")
        seen |= {(outside, inside)}
    assert {outside for outside, _ in seen} == set(DOORS), "a port is missing"
    assert {inside for _, inside in seen} == set(doors), "a listener that nobody leads to"


def haproxy_asks_where_it_is_told():
    checks = haproxy.of("backend")["replicas"]
    assert {where for _, _, where, _ in haproxy.servers("replicas")} == {port(toml("gatepost.toml")["metrics"]["address"])}
    assert EXCLUDED in next(line for line in checks if line[:2] == ["http-check", "send"])
    assert not any("on-marked-down" in line for line in haproxy.sections[("defaults", "")] + checks), "a stop would cut sessions"


def haproxy_waits_longer_than_gatepost():
    longest = max(default(key) for key in ("imap_idle_seconds", "smtp_idle_seconds", "pop3_idle_seconds", "end_of_data_seconds"))
    for side in "client", "server":
        assert seconds(haproxy.setting("timeout", side)[0]) > longest, side
    assert haproxy.setting("option", "redispatch") == ["1"] and int(haproxy.setting("retries")[0]) >= len(replicas)


def a_stop_is_heard_of_before_doors_close():
    [common] = [line for line in haproxy.of("backend")["replicas"] if line[0] == "default-server"]
    value = lambda name: seconds(common[common.index(name) + 1])
    heard = value("inter") * value("fall") + seconds(haproxy.setting("timeout", "check")[0])
    assert heard < toml("gatepost.toml")["limits"]["notice_seconds"], heard
    probe = pod()["containers"][0]["readinessProbe"]
    heard = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert heard < toml("kubernetes/gatepost.toml")["limits"]["notice_seconds"], heard


def a_stop_has_the_time_it_takes():
    unit = int(re.search(r"^TimeoutStopSec=(\d+)$", text("systemd/replica.conf"), re.M)[1])
    times = {"systemd": unit, "kubernetes": pod()["terminationGracePeriodSeconds"]}
    times |= {name: seconds(services()[name]["stop_grace_period"]) for name in replicas}
    for name, time in times.items():
        needed = stop(toml("kubernetes/gatepost.toml" if name == "kubernetes" else "gatepost.toml"))
        assert time >= needed, f"{name}: killed after {time} s, and a stop may take {needed}"


def services():
    return documents("compose/compose.yaml")[0]["services"]


def compose_has_what_haproxy_leads_to():
    [compose] = documents("compose/compose.yaml")
    at = lambda name: services()[name]["networks"]["mail"]["ipv4_address"]
    assert {name: at(name) for name in replicas} == replicas and at("haproxy") == BALANCER
    published = {tuple(map(int, one.split(":"))) for one in services()["haproxy"]["ports"]}
    assert published == {(door, door) for door in set(DOORS) | PAGES}
    assert compose["networks"]["store"]["internal"] and services()["postgres"]["networks"] == ["store"]
    for name in replicas:
        assert services()[name]["hostname"] == name, "the name that a replica goes by"
        assert services()[name]["read_only"] and services()[name]["cap_drop"] == ["ALL"]
    for name, service in services().items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith("./secrets/") or (REPLICAS / "compose" / source).is_file(), volume
    wanted = {value["credential"] for value in toml("compose/store.toml")["store"].values() if isinstance(value, dict)}
    assert wanted <= set(services()["a"]["secrets"])


def systemd_lets_in_the_replicas_alone():
    lines = [line.split() for line in text("systemd/pg_hba.conf").splitlines() if line and line[0] != "#"]
    assert [line[3] for line in lines] == [f"{address}/32" for address in replicas.values()]
    assert {(line[0], line[4]) for line in lines} == {("hostssl", "scram-sha-256")}
    for name in "systemd/store.toml", "kubernetes/gatepost.toml":
        assert "sslmode=verify-full" in toml(name)["store"]["url"], name


def manifest(kind, name="gatepost"):
    files = sorted(REPLICAS.glob("kubernetes/*.yaml"))
    every = [one for file in files for one in documents(f"kubernetes/{file.name}")]
    [found] = [one for one in every if one["kind"] == kind and one.get("metadata", {}).get("name") == name]
    return found


def pod():
    return manifest("Deployment")["spec"]["template"]["spec"]


def kubernetes_fits_together():
    [kustomization] = documents("kubernetes/kustomization.yaml")
    there = {file.name for file in REPLICAS.glob("kubernetes/*.yaml")}
    # What is to be filled in is applied by nobody who has not.
    assert set(kustomization["resources"]) == there - {"kustomization.yaml", "secret.yaml"}
    [image] = kustomization["images"]
    version = re.search(r'^version = "(.*)"$', (HOUSE / "Cargo.toml").read_text(), re.M)[1]
    [container] = pod()["containers"]
    assert image["name"] == container["image"] and image["newTag"] == version, "not this version's image"

    settings = toml("kubernetes/gatepost.toml")
    inside = {one["name"]: one["containerPort"] for one in container["ports"]}
    doors = listeners(settings)
    for one in manifest("Service")["spec"]["ports"]:
        listener = doors.pop(inside[one["targetPort"]])
        assert (listener["protocol"], listener["tls"]) == DOORS[one["port"]], one
    assert not doors, "a listener that nobody leads to"
    assert {one["port"] for one in manifest("Service")["spec"]["ports"]} == set(DOORS)
    assert inside["pages"] == port(settings["admin"]["address"]) and inside["metrics"] == port(settings["metrics"]["address"])
    [pages] = manifest("Service", "gatepost-pages")["spec"]["ports"]
    [path] = manifest("Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "gatepost-pages", "port": {"name": pages["name"]}} and pages["targetPort"] == "pages"

    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [manifest("Service")["spec"]["selector"], manifest("Service", "gatepost-pages")["spec"]["selector"]]
    selectors += [manifest(kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]]
    selectors += [one["labelSelector"]["matchLabels"] for one in pod()["topologySpreadConstraints"]]
    assert all(selector == labels for selector in selectors), selectors
    let_in = {one["port"] for rule in manifest("NetworkPolicy")["spec"]["ingress"] for one in rule["ports"]}
    assert let_in == set(inside), "the policy and the pod name other ports"

    budget, count = manifest("PodDisruptionBudget")["spec"]["maxUnavailable"], manifest("Deployment")["spec"]["replicas"]
    assert 0 < budget < count
    assert container["readinessProbe"]["httpGet"]["path"] == EXCLUDED
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {"/healthz"}


def kubernetes_has_its_secrets_and_no_rights():
    settings, [container] = toml("kubernetes/gatepost.toml"), pod()["containers"]
    keys = set(manifest("Secret")["stringData"])
    wanted = {value["credential"] for value in settings["store"].values() if isinstance(value, dict)}
    wanted |= set(re.findall(r"/run/credentials/([\w.-]+)", settings["store"]["url"]))
    environment = {one["name"]: one for one in container["env"]}
    wanted |= {one["valueFrom"]["secretKeyRef"]["key"] for one in environment.values() if "secretKeyRef" in one.get("valueFrom", {})}
    assert wanted == keys, wanted ^ keys
    assert environment["GATEPOST__SERVICE__REPLICA"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert environment["CREDENTIALS_DIRECTORY"]["value"] in mounts
    assert set(mounts.values()) == {one["name"] for one in pod()["volumes"]}
    for path in settings["tls"].values():
        directory, name = path.rsplit("/", 1)
        assert directory in mounts and name in manifest("Secret", "gatepost-tls")["stringData"], path
    # As the image has it, and as pods of the namespace have to.
    user = int(re.search(r"^USER (\d+)", (HOUSE / "deploy/Containerfile").read_text(), re.M)[1])
    context = pod()["securityContext"]
    assert context["runAsNonRoot"] and context["runAsUser"] == context["fsGroup"] == user
    assert context["seccompProfile"]["type"] == "RuntimeDefault" and pod()["automountServiceAccountToken"] is False
    confined = container["securityContext"]
    assert confined["readOnlyRootFilesystem"] and not confined["allowPrivilegeEscalation"] and confined["capabilities"]["drop"] == ["ALL"]


for check in (
    haproxy_leads_to_listeners_that_take_its_headers, haproxy_asks_where_it_is_told, haproxy_waits_longer_than_gatepost,
    a_stop_is_heard_of_before_doors_close, a_stop_has_the_time_it_takes, compose_has_what_haproxy_leads_to,
    systemd_lets_in_the_replicas_alone, kubernetes_fits_together, kubernetes_has_its_secrets_and_no_rights,
):
    check()
    print("ok", check.__name__.replace("_", " "))
