#!/usr/bin/env bash
# Builds the Debian package: both commands in an environment of their own under /opt, from wheels and the constraints alone.
#     packaging/deb.sh [FOLDER]     leaves pos-plugin_VERSION_ARCHITECTURE.deb there (default: dist)
# For the Debian or Ubuntu, and the processor, that it is built on: the environment uses that system's Python.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$(realpath -m "${1:-dist}")
python=${PYTHON:-/usr/bin/python3}
place=/opt/pos-plugin
version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
minor=$("$python" -c 'import sys; print(sys.version_info[1])')
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
umask 022
chmod 755 "$stage"
root=$stage/root

"$python" -m venv "$stage/build"
pip="$stage/build/bin/python -m pip --disable-pip-version-check --quiet"
# A copy: what setuptools leaves beside the sources is none of theirs.
mkdir "$stage/source"
cp -r pyproject.toml README.md LICENSE loyalty ledger drivers offline_store pos_plugin central_server "$stage/source"
$pip wheel --no-deps --wheel-dir "$stage/wheels" "$stage/source"
$pip wheel --only-binary=:all: --constraint constraints.txt --find-links "$stage/wheels" --wheel-dir "$stage/wheels" "pos-plugin[server]==$version"

mkdir -p "$root$place"
"$python" -m venv --without-pip "$root$place"
$pip --python "$root$place/bin/python" install --no-index --no-compile --find-links "$stage/wheels" "pos-plugin[server]==$version"
grep -rlI --null "$root$place" "$root$place/bin" "$root$place/pyvenv.cfg" | xargs -0 -r sed -i "s|$root$place|$place|g"
find "$root$place" -name __pycache__ -prune -exec rm -rf {} +
"$python" -m compileall -q -s "$root" --invalidation-mode unchecked-hash "$root$place/lib" || true

mkdir -p "$root/usr/bin" "$root/lib/systemd/system" "$root/etc/default" "$root/usr/share/doc/pos-plugin" "$root/DEBIAN"
for name in pos-plugin pos-central; do
    ln -s "$place/bin/$name" "$root/usr/bin/$name"
    install -m 644 "packaging/debian/$name.default" "$root/etc/default/$name"
    echo "/etc/default/$name" >>"$root/DEBIAN/conffiles"
done
install -m 644 packaging/systemd/* "$root/lib/systemd/system/"
install -m 644 LICENSE "$root/usr/share/doc/pos-plugin/copyright"
install -m 755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
install -m 644 packaging/debian/templates "$root/DEBIAN/"
cat >"$root/DEBIAN/control" <<CONTROL
Package: pos-plugin
Version: $version
Section: misc
Priority: optional
Architecture: $(dpkg --print-architecture)
Maintainer: ${DEBFULLNAME:-the makers of pos-plugin} <${DEBEMAIL:-root@localhost}>
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), passwd, debconf (>= 0.5) | debconf-2.0
Suggests: postgresql, cups, libzbar0
Installed-Size: $(du -sk "$root" | cut -f1)
Description: loyalty plugin for the till, and its head office
 Points beside the till that a shop already has, online or not, in a ledger that a power cut cannot hurt.
 Nothing is started by installing it: the service pos-plugin is a till, pos-central is head office.
CONTROL
mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/pos-plugin_${version}_$(dpkg --print-architecture).deb"
