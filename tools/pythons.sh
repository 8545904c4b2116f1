#!/usr/bin/env bash
# Runs tests on CPython 3.13 and 3.14, which Debian has in trixie and sid: `tools/pythons.sh [arguments of pytest]`.
# Each system is a folder that debootstrap makes, below ~/.cache, and chroot enters. That needs root on a Debian.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly suites=${SUITES:-trixie sid}
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/langgraph-runner/pythons
readonly packages=ca-certificates,gcc,git,libc6-dev,make,python3,python3-dev,python3-venv

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo 'The other Pythons are skipped: debootstrap needs root on a Debian.'
    exit 0
fi
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }

# In a namespace of its own, so that the mounts end with the command.
inside() {
    unshare --mount --fork bash -c '
        mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp"
        exec chroot "$0" "$@"' "$root" "$@"
}

for suite in $suites; do
    root=$cache/$suite
    if [ ! -e "$root/.complete" ]; then
        rm -rf "$root" && mkdir -p "$root"
        echo "Debian $suite ..."
        debootstrap --variant=minbase --include=$packages "$suite" "$root" >"$root.log"
        touch "$root/.complete"
    fi
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # It may trust a proxy of this machine.
    rm -rf "$root/src" && mkdir "$root/src"
    git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$root/src"
    wanted=$(cat pyproject.toml constraints.txt | sha256sum)
    if [ "$(cat "$root/venv/installed" 2>/dev/null)" != "$wanted" ]; then
        inside sh -c 'rm -rf /venv && python3 -m venv /venv && cd /src \
            && /venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"'
        echo "$wanted" >"$root/venv/installed"
    fi
    inside /venv/bin/python --version
    inside sh -c 'cd /src && exec /venv/bin/python -m pytest -n auto --dist worksteal "$@"' pytest "$@"
done
