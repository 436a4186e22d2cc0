# In a system that systemd runs; each part is called by its name from outside.
set -eu
deb=$(ls /work/*.deb)

facts() { # of the running service: NAME VALUE of /proc/PID/status
    grep -q "^$1:[[:space:]]*$2\$" "/proc/$(systemctl show -P MainPID gatepost)/status"
}

# Starts at the first installation, as nobody who matters.
installed() {
    dpkg -i "$deb" 2>&1 | tee /work/installed
    ! grep -i 'could not\|failed\|error' /work/installed
    systemctl is-active gatepost
    gatepost config check
    gatepost status
    gatepost admin link | grep ^http://localhost:8590/
    # Links and secrets stay out of the journal.
    ! journalctl -u gatepost | grep -F '//localhost:8590'
    facts NoNewPrivs 1
    facts Seccomp 2
    facts CapEff 0000000000000400
    [ "$(stat -c %U "/proc/$(systemctl show -P MainPID gatepost)")" = gatepost ]
}

judged() {
    systemd-analyze verify --man=no gatepost.service
    cp /usr/share/doc/gatepost/examples/systemd/*.socket /etc/systemd/system/
    systemd-analyze verify --man=no /etc/systemd/system/gatepost-*.socket
    systemd-analyze security --no-pager --threshold=15 gatepost.service | tail -n 1
    # The drop-ins are read; that a credential is served needs more of a system than one in memory has.
    install -D -m 644 -t /run/systemd/system/gatepost.service.d /usr/share/doc/gatepost/examples/systemd/gatepost-cer*.conf \
        /usr/share/doc/gatepost/examples/systemd/gatepost-cred*.conf
    systemd-analyze verify --man=no gatepost.service
    rm -r /run/systemd/system/gatepost.service.d
}

# The provider outside is told of; IMAP moves to its own port, which is below 1024; an account is made.
configured() {
    install -d -g gatepost -m 750 /etc/gatepost/gatepost.toml.d
    cp /work/provider.toml /work/ca.pem /etc/gatepost/gatepost.toml.d/
    sed -i 's/127.0.0.1:1143/127.0.0.1:143/' /etc/gatepost/gatepost.toml
    systemctl restart gatepost
    gatepost account add evmail --token support --generate >/work/password
}

# A wrong file changes nothing and says why; a right one is taken.
reloaded() {
    echo 'nonsense = 1' >>/etc/gatepost/gatepost.toml
    ! systemctl reload gatepost
    systemctl is-active gatepost
    sed -i '/nonsense/d' /etc/gatepost/gatepost.toml
    systemctl reload gatepost
    systemctl is-active gatepost
}

# Over itself: what was changed stays, and the service runs anew.
upgraded() {
    before=$(cat /etc/gatepost/gatepost.key) running=$(systemctl show -P MainPID gatepost)
    dpkg -i "$deb"
    systemctl is-active gatepost
    [ "$running" != "$(systemctl show -P MainPID gatepost)" ]
    [ "$before" = "$(cat /etc/gatepost/gatepost.key)" ]
    grep 127.0.0.1:143 /etc/gatepost/gatepost.toml
    gatepost account list | grep evmail
}

# By the examples: systemd opens the ports, and the service has no right left.
sockets() {
    sed -i -E '/^protocol/{s/.*"(.*)"/&\naddress = "systemd:\1"/}; /^address.*:(1587|143|1110)"/d' /etc/gatepost/gatepost.toml
    systemctl stop gatepost
    mkdir -p /etc/systemd/system/gatepost.service.d
    cp /usr/share/doc/gatepost/examples/systemd/gatepost-sockets.conf /etc/systemd/system/gatepost.service.d/
    for socket in smtp imap pop3; do
        # Elsewhere than on all addresses nothing differs.
        sed -i '/\[::\]/d; s/0.0.0.0/127.0.0.1/' /etc/systemd/system/gatepost-$socket.socket
    done
    systemctl daemon-reload
    systemctl enable --now gatepost-smtp.socket gatepost-imap.socket gatepost-pop3.socket
    systemctl start gatepost
    facts CapEff 0000000000000000
    systemd-analyze security --no-pager --threshold=15 gatepost.service | tail -n 1
}

removed() {
    systemctl stop gatepost-smtp.socket gatepost-imap.socket gatepost-pop3.socket
    dpkg -r gatepost
    ! systemctl is-active gatepost
    [ -s /var/lib/gatepost/gatepost.db ]
    dpkg --purge gatepost </dev/null
    [ ! -e /var/lib/gatepost ]
}

"$1"
