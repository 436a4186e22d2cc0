# In a system where no systemd runs: the .deb is installed, started by hand, used, upgraded, removed and purged.
set -eux
deb=$(ls /work/*.deb)

dpkg -i "$deb"
[ "$(stat -c '%U:%G %a' /etc/gatepost)" = 'root:gatepost 750' ]
[ "$(stat -c '%U:%G %a' /etc/gatepost/gatepost.toml)" = 'root:gatepost 640' ]
[ "$(stat -c '%U:%G %a' /etc/gatepost/gatepost.key)" = 'gatepost:gatepost 600' ]
[ "$(stat -c '%U:%G %a' /var/lib/gatepost)" = 'gatepost:gatepost 700' ]

# As it was installed, it is good and starts. What root does first does not take the store away from the service.
gatepost config check
gatepost admin link
serve() {
    setpriv --reuid gatepost --regid gatepost --init-groups gatepost serve >/work/out 2>/work/log &
    running=$!
    for _ in $(seq 600); do grep -q service.listening /work/log && break; kill -0 $running; sleep 0.1; done
}
serve
gatepost status
# Asks by IMAP, and gives the answer to the login.
login() { exec 3<>/dev/tcp/127.0.0.1/1143; printf 'a LOGIN %s %s\r\n' "$1" "$2" >&3; grep -m 1 ^a <&3; exec 3<&-; }
login nobody nothing | grep AUTHENTICATIONFAILED
kill $running && wait $running

# An upgrade changes nothing that somebody has changed, and makes no new key.
echo '# mine' >>/etc/gatepost/gatepost.toml
chmod 600 /etc/gatepost/gatepost.toml && chown gatepost /etc/gatepost/gatepost.toml
before=$(cat /etc/gatepost/gatepost.key)
dpkg -i "$deb"
grep '# mine' /etc/gatepost/gatepost.toml
[ "$(stat -c '%U %a' /etc/gatepost/gatepost.toml)" = 'gatepost 600' ]
[ "$before" = "$(cat /etc/gatepost/gatepost.key)" ]

# Removed, it leaves the store, and comes back to it.
dpkg -r gatepost | tee /work/removed
grep 'the store stays in /var/lib/gatepost' /work/removed
[ ! -e /usr/bin/gatepost ] && [ -s /var/lib/gatepost/gatepost.db ]
dpkg -i "$deb"
[ "$before" = "$(cat /etc/gatepost/gatepost.key)" ]
serve
login nobody nothing | grep AUTHENTICATIONFAILED
kill $running && wait $running

# Purged, it leaves what is somebody else's.
mkdir /etc/gatepost/secrets && echo secret >/etc/gatepost/secrets/support
dpkg --purge gatepost </dev/null | tee /work/purged
grep 'are removed' /work/purged
grep 'they stay' /work/purged
[ ! -e /var/lib/gatepost ] && [ ! -e /etc/gatepost/gatepost.key ] && [ ! -e /etc/gatepost/gatepost.toml ]
[ -e /etc/gatepost/secrets/support ]
find / -xdev -path /work -prune -o -name '*gatepost*' -print | grep -v '^/etc/gatepost$' && exit 1
echo 'plain: good' >/work/plain
