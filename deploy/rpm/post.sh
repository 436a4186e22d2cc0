for directory in /var/lib/gatepost /var/log/gatepost; do
    [ -d $directory ] || install -d -o gatepost -g gatepost -m 0700 $directory
done
# A store without its key is somebody's backup that is being put back: a new key would not open it.
if [ "$1" = 1 ] && [ ! -e /etc/gatepost/gatepost.key ] && [ ! -e /var/lib/gatepost/gatepost.db ]; then
    /usr/bin/gatepost key generate --out /etc/gatepost/gatepost.key >/dev/null && chown gatepost:gatepost /etc/gatepost/gatepost.key
    install -o gatepost -g gatepost -m 0600 /dev/null /var/lib/gatepost/gatepost.db
    echo 'Gatepost: keep a copy of /etc/gatepost/gatepost.key apart from backups of /var/lib/gatepost.'
    echo 'Gatepost: start it with: systemctl enable --now gatepost; to begin in a browser, run: gatepost admin link'
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    [ "$1" != 1 ] || systemctl preset gatepost.service || :
fi
exit 0
