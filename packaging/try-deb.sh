#!/usr/bin/env bash
# Installs the package into a copy of this machine that is thrown away, uses it, takes it away again, and says what it saw.
#     packaging/try-deb.sh FILE.deb     as root, on a Debian or Ubuntu
# Of systemd only what can be seen without a running one: the units are read by systemd-analyze.
set -euo pipefail

if [ "${2:-}" != inside ]; then
    deb=$(realpath "$1")
    work=$(mktemp -d)
    # In a mount namespace of its own, so that nothing is left mounted whatever happens.
    trap 'rm -rf "$work"' EXIT
    unshare --mount --propagation private bash -euc '
        mount -t tmpfs tmpfs "$1"
        mkdir "$1/upper" "$1/work" "$1/machine"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/machine"
        mount --rbind /proc "$1/machine/proc"; mount --rbind /dev "$1/machine/dev"
        mkdir -p "$1/machine/run/try"; cp "$2" "$1/machine/run/try/it.deb"; cp "$3" "$1/machine/run/try/try.sh"
        exec chroot "$1/machine" bash /run/try/try.sh /run/try/it.deb inside
    ' - "$work" "$deb" "$(realpath "$0")"
    exit
fi

export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
unset PYTHONPATH VIRTUAL_ENV
cd /
say() { printf 'ok  %s\n' "$*"; }
as() { runuser -u "$1" -- "${@:2}"; }
mode() { stat -c '%U %a' "$1"; }

dpkg -i "$1" >/dev/null
say "installed: $(dpkg-query -W pos-plugin)"
[ "$(mode /var/lib/pos-central)" = "pos-central 700" ]
[ "$(mode /var/lib/pos-plugin)" = "pos-plugin 700" ]
say "users and folders of their own, for their owners alone"
if grep -rlI /tmp/ /opt/pos-plugin/bin /opt/pos-plugin/pyvenv.cfg; then exit 1; fi
say "nothing names the place where it was built"
systemd-analyze verify --man=no /lib/systemd/system/pos-{plugin,central,central-backup}.service /lib/systemd/system/pos-central-backup.timer
say "systemd-analyze verify has nothing to say of the units"
for unit in pos-central pos-plugin; do
    systemd-analyze security --offline=yes --no-pager "$unit.service" 2>/dev/null | tail -1 || true
done

as pos-central pos-central init --dir /var/lib/pos-central/office --shop "Corner Shop" >/dev/null
as pos-plugin pos-plugin init --store /var/lib/pos-plugin/till --currency EUR --time-zone Europe/Berlin >/dev/null
as pos-plugin pos-plugin verify --store /var/lib/pos-plugin/till >/dev/null
[ "$(mode /var/lib/pos-plugin/till/terminal.key)" = "pos-plugin 600" ]
say "a head office and a till, made by their own users"
install -d -o pos-central -g pos-central -m 700 /var/lib/pos-central/backups
command=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/pos-central-backup.service | sed 's/\$\$/$/g; s/%%/%/g')
as pos-central sh -c "$command" >/dev/null
ls /var/lib/pos-central/backups/*.backup >/dev/null
say "the timer's own command makes a backup"

echo 'OPTIONS="--port 9999"' >/etc/default/pos-central
sed -i 's/Your shop/Corner Shop/' /var/lib/pos-plugin/till/till.toml
dpkg -i "$1" >/dev/null 2>&1
grep -q 9999 /etc/default/pos-central
grep -q "Corner Shop" /var/lib/pos-plugin/till/till.toml
say "installed over itself: settings stay as they were"
dpkg -r pos-plugin >/dev/null
[ -e /var/lib/pos-plugin/till/till.db ]
[ -e /var/lib/pos-central/office/office.json ]
[ -e /etc/default/pos-central ]
[ ! -e /usr/bin/pos-plugin ]
[ ! -d /opt/pos-plugin/lib ]
say "removed: the program is gone, the data and the settings are there"
dpkg -i "$1" >/dev/null 2>&1
as pos-plugin pos-plugin verify --store /var/lib/pos-plugin/till >/dev/null
say "installed again: the till goes on"
dpkg -P pos-plugin >/dev/null
[ -e /var/lib/pos-plugin/till/till.db ]
[ ! -e /etc/default/pos-central ]
say "purged without a person to ask: the data is there"
dpkg -i "$1" >/dev/null 2>&1
echo "pos-plugin pos-plugin/remove-data boolean true" | debconf-set-selections
sed -i 's/^ *db_fset.*//' /var/lib/dpkg/info/pos-plugin.postrm
dpkg -P pos-plugin >/dev/null
[ ! -e /var/lib/pos-plugin ]
[ ! -e /var/lib/pos-central ]
if getent passwd pos-central >/dev/null; then exit 1; fi
say "purged with a yes: nothing is left"
