getent group gatepost >/dev/null || groupadd --system gatepost
getent passwd gatepost >/dev/null ||
    useradd --system --gid gatepost --home-dir /var/lib/gatepost --no-create-home --shell /sbin/nologin --comment 'Gatepost, a relay for mail' gatepost
exit 0
