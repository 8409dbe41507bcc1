#!/usr/bin/env bash
# Installs the package of a release for this machine in a folder of its own, runs what it has, and removes it again.
set -euo pipefail
cd "$(dirname "$0")/../.."
go run ./internal/dist "linux/$(go env GOARCH)"
(cd dist && sha256sum --quiet --check SHA256SUMS)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/var/lib/dpkg/{info,updates} "$root/home"
touch "$root"/var/lib/dpkg/{status,available}
packages() { dpkg --root="$root" --force-not-root --force-script-chrootless --log="$root/dpkg.log" "$@"; }
packages --install dist/quantal_*.deb
packages --verify quantal
(cd "$root/home" && HOME=$root/home QUANTAL_MIRRORS=http://127.0.0.1:1/ "$root/usr/bin/quantal" demo && test -s demo/sigma.png)
gunzip "$root/usr/share/man/man1/quantal.1.gz" --stdout >"$root/quantal.1"
grep -q '^\.TH QUANTAL 1' "$root/quantal.1"
bash -n "$root/usr/share/bash-completion/completions/quantal"
packages --remove quantal
left=$(find "$root/usr" ! -type d 2>/dev/null || true)
[ -z "$left" ] || { echo "removed, the package leaves $left"; exit 1; }
