#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packages on a bare Debian: debootstrap's minimal base, the .deb files of dist/, and the main job from files to
# recommendations by the installed programs. Needs root and debootstrap.
#
# usage: scripts/check-deb.sh      SUITE=bookworm  MIRROR=URL (apt's own)
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "check-deb: needs root, skipped" >&2; exit 0; }
command -v debootstrap >/dev/null || { echo "check-deb: debootstrap is not installed, skipped" >&2; exit 0; }
suite=${SUITE:-bookworm} mirror=${MIRROR:-}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
ls dist/pz_*.deb dist/libpz-dev_*.deb >/dev/null
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
    tail -5 "$root.log" >&2
    exit 69
}
rm -f "$root.log"
rm -f "$root/etc/apt/sources.list" # ours, if there is one, comes with the next
for f in /etc/apt/apt.conf.d /etc/apt/sources.list /etc/apt/sources.list.d /etc/resolv.conf /etc/apt/auth.conf.d; do
    [ ! -e "$f" ] || { mkdir -p "$root$(dirname "$f")" && cp -r "$f" "$root$(dirname "$f")/"; }
done
mkdir -p "$root/usr/local/share"
[ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
mkdir "$root/pz"
cp dist/pz_*.deb dist/libpz-dev_*.deb sample-data/*.csv "$root/pz"
before=$(chroot "$root" dpkg-query -W | wc -l)
chroot "$root" apt-get update -qq
chroot "$root" sh -c 'apt-get install -y -qq --no-install-recommends /pz/pz_*.deb' >/dev/null
after=$(chroot "$root" dpkg-query -W | wc -l)
# shellcheck disable=SC2016 # the shell inside expands it
chroot "$root" sh -euc '
    cd /pz
    [ -z "$(ls /usr/share/man/man1/pz-train.1* 2>/dev/null)" ] || zcat -f /usr/share/man/man1/pz-train.1* | grep -q "^\.Os pz [0-9]"
    pz-import -q -o shop.pzd --interactions interactions.csv --items items.csv --users users.csv
    pz-train -q --no-tune -p sequence=off -o home.pzm shop.pzd
    pz-deploy publish -q home.pzc home.pzm
    pz-event put -q home.pzc --user u0042 --item i0500 --type Purchase
    [ "$(pz-recommend -q home.pzc --user u0042 --num 5 | wc -l)" -ge 5 ]'
echo "check-deb: $((after - before)) packages on a bare $suite, the main job runs"
