"""Plays the recipe: play.py GATEPOST PROVIDER PLACE, the first process of a PID namespace, alone in its mount and network namespaces."""
import pathlib, signal, sys, time
from recipe import PASSWORD, PROGRAM, Recipe

recipe = Recipe(*map(pathlib.Path, sys.argv[1:]))
a, b, c = recipe.replicas
first, second = recipe.databases
what = lambda said: print(f"--- {said}", flush=True)


def set_up():
    recipe.simulate()
    first.make()
    second.follow("db1.example.com")
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


def an_account_is_made():
    """On one replica, and all of them know it."""
    recipe.command(b, "account", "add", "second", "--token", "support", said=f"{PASSWORD}\n")
    recipe.known("second")


def all_hear(event, deed):
    so_far = {replica: len(replica.log("gatepost")) for replica in recipe.replicas}
    deed()
    for replica in recipe.replicas:
        replica.logs("gatepost", event, after=so_far[replica])


def the_database_is_away():
    """Those who have logged in before log in on."""
    for _ in recipe.replicas:
        recipe.once()
    all_hear("store.unreachable", first.stop)
    # HAProxy has looked more than once since.
    recipe.balanced("UP", "a", "b", "c")
    recipe.once()
    all_hear("store.back", first.start)
    recipe.once()
    recipe.once("pages")


def the_database_moves():
    """To its standby, while programs log in."""
    def moved():
        all_hear("store.unreachable", lambda: first.stop(signal.SIGQUIT))
        all_hear("store.back", second.promote)
    print(recipe.going_on(moved), "logins meanwhile, none of which failed")
    recipe.command(c, "account", "add", "third", "--token", "support", said=f"{PASSWORD}\n")
    recipe.known("third")
    recipe.once("pages")


for scene in set_up, each_door, one_stops, one_is_killed, an_account_is_made, the_database_is_away, the_database_moves:
    what(scene.__name__.replace("_", " "))
    begun = time.monotonic()
    scene()
    print(f"{time.monotonic() - begun:.0f} s")
