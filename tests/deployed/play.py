"""Plays the recipe: play.py GATEPOST PROVIDER PLACE, the first process of a PID namespace, alone in its mount and network namespaces."""
import pathlib, signal, sys, time
from recipe import PASSWORD, PROGRAM, Recipe

recipe = Recipe(*map(pathlib.Path, sys.argv[1:]))
a, b, c = recipe.replicas
what = lambda said: print(f"--- {said}", flush=True)


def set_up():
    recipe.simulate()
    recipe.store()
    for replica in recipe.replicas:
        recipe.furnish(replica)
        recipe.command(replica, "config", "check")
    recipe.check_others()
    recipe.command(a, "admin", "password", said=f"{PASSWORD}\n")
    recipe.command(a, "account", "add", "evmail", "--token", "support", said=f"{PASSWORD}\n")
    for replica in recipe.replicas:
        recipe.serve(replica)
    recipe.balance()


def each_door():
    """Leads to a replica, which sees who is there."""
    for _ in recipe.replicas:
        recipe.once()
        recipe.once("pages")
    lines = [line for replica in recipe.replicas for line in replica.log("gatepost").splitlines()]
    logins = [line for line in lines if "session.login " in line]
    for protocol in "smtp", "imap", "pop3":
        assert any(f"protocol={protocol}" in line for line in logins), protocol
    assert len(logins) >= 21 and all(f"peer={PROGRAM}:" in line for line in logins), logins
    for replica in recipe.replicas:
        assert "session.login " in replica.log("gatepost"), f"nobody was led to {replica.name}"
    assert not any("session.no_proxy_header" in line for line in lines), lines


def one_stops():
    """And comes back, while programs log in."""
    def stopped():
        before = len(b.log("gatepost"))
        assert recipe.stop(b) == 0, b.log("gatepost")[-3000:]
        said = b.log("gatepost")[before:]
        assert said.index("service.leaving") < said.index("service.draining") < said.index("service.stopped"), said
        # Nobody has met a closed door: there was no one any more when it closed.
        assert "service.draining sessions=0" in said, said
        recipe.balanced("DOWN", "b")
        recipe.serve(b)
        recipe.balanced("UP", "b")
    count = recipe.going_on(stopped)
    assert count > 3, count
    print(count, "logins meanwhile, none of which failed")


def one_is_killed():
    recipe.stop(c, signal.SIGKILL)
    # Within the moment in which HAProxy does not know yet, too.
    recipe.once()
    recipe.balanced("DOWN", "c")
    recipe.serve(c)
    recipe.balanced("UP", "c")


def the_database_is_away():
    """Those who have logged in before log in on."""
    for _ in range(3):
        recipe.once()
    recipe.database.running["postgres"].send_signal(signal.SIGINT)
    recipe.database.running["postgres"].wait()
    recipe.once()
    for replica in recipe.replicas:
        replica.logs("gatepost", "store.unreachable")
    # HAProxy has looked more than once since.
    recipe.balanced("UP", "a", "b", "c")
    recipe.once()
    recipe.database.start("postgres", *recipe.postgres, user="postgres")
    for replica in recipe.replicas:
        replica.logs("gatepost", "store.back")
    recipe.once()
    recipe.once("pages")


for scene in set_up, each_door, one_stops, one_is_killed, the_database_is_away:
    what(scene.__name__.replace("_", " "))
    begun = time.monotonic()
    scene()
    print(f"{time.monotonic() - begun:.0f} s")
