if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    [ "$1" = 0 ] || systemctl try-restart gatepost.service || :
fi
[ "$1" != 0 ] || echo 'Gatepost: the store stays in /var/lib/gatepost, and its key in /etc/gatepost.'
exit 0
