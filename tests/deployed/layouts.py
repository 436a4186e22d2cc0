"""Containers as the manifests and the compose file furnish them, as far as files and variables go: Gatepost's own check is run in each."""
from files import REPLICAS, documents, text
from town import Machine

USER, UID = "65532:65532", 65532


def pod(town, secret, hash_of):
    [deployment] = documents("kubernetes/deployment.yaml")
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    here, volumes = Machine(town, "pod", ()), {one["name"]: one for one in spec["volumes"]}
    kept = {"store.key": "store.key", "database": "database", "database-ca.pem": "database-ca.pem", "tls.crt": "tls/cert.pem", "tls.key": "tls/key.pem"}
    secrets = {one["metadata"]["name"]: one["stringData"] for one in documents("kubernetes/secret.yaml")}
    for mount in container["volumeMounts"]:
        volume, at = volumes[mount["name"]], mount["mountPath"].lstrip("/")
        if "configMap" in volume:
            here.put(f"{at}/gatepost.toml", text("kubernetes/gatepost.toml"))
        elif "secret" in volume:
            # Root's, and readable for the group of `fsGroup`.
            for name in secrets[volume["secret"]["secretName"]].keys() & kept:
                here.put(f"{at}/{name}", secret(kept[name]), (0, UID), volume["secret"]["defaultMode"])
        else:
            here.directory(at, UID)
    told = {"metadata.name": "gatepost-7d9c-x2x4k", "admin-password-hash": hash_of("a password")}
    def value(one):
        source = one.get("valueFrom", {})
        return one.get("value") or told[source.get("fieldRef", {}).get("fieldPath") or source["secretKeyRef"]["key"]]
    return here, {one["name"]: value(one) for one in container["env"]}


def compose(town, secret):
    service = documents("compose/compose.yaml")[0]["services"]["a"]
    here = Machine(town, service["hostname"] + "-of-compose", ())
    for volume in service["volumes"]:
        source, target, _ = volume.split(":")
        if source == "./secrets/tls":
            for name in "cert.pem", "key.pem":
                here.put(f"{target[1:]}/{name}", secret(f"tls/{name}"), mode=0o444)
        else:
            here.put(target[1:], (REPLICAS / "compose" / source).read_bytes())
    for name in service["secrets"]:
        here.put(f"run/secrets/{name}", secret(name), mode=0o444)
    for one in service["tmpfs"]:
        here.directory(one.split(":")[0][1:], UID)
    return here, service["environment"]


def check(here, gatepost, variables):
    here.put("usr-bin-gatepost", gatepost, mode=0o755)
    here.run("/usr-bin-gatepost", "config", "check", "--config", "/etc/gatepost/gatepost.toml", user=USER, variables=variables)
