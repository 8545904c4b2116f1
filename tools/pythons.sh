#!/usr/bin/env bash
# Runs tests on CPython 3.12 to 3.14: `tools/pythons.sh [arguments of pytest]`. SUITES= skips the systems of Debian,
# MIRROR=address names where debootstrap gets them.
#
# Debian has 3.13 in trixie and 3.14 in sid. Each is a folder below ~/.cache, which debootstrap makes and chroot enters;
# that needs root on a Debian. A version that did not run there is taken from the PATH, into a venv below ~/.cache.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly suites=${SUITES-trixie sid}
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/langgraph-runner/pythons
readonly packages=ca-certificates,gcc,git,libc6-dev,make,python3,python3-dev,python3-venv
# What a folder has installed is known by it.
wanted=$(cat pyproject.toml constraints.txt Makefile | sha256sum)
readonly wanted
readonly version='import sys; print("%d.%d" % sys.version_info[:2])'
ran=' '

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # Two runs would replace each other's sources.

# In a namespace of its own, so that the mounts end with the command.
inside() {
    unshare --mount --fork bash -c '
        mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp"
        exec chroot "$0" "$@"' "$root" "$@" 9>&-
}

run_in_debian() {
    local suite=$1 root=$cache/$1
    shift
    if [ ! -e "$root/.complete" ]; then
        rm -rf "$root" && mkdir -p "$root"
        echo "Debian $suite ..."
        # shellcheck disable=SC2086 # Without MIRROR there is no argument: debootstrap knows Debian's own.
        debootstrap --variant=minbase --include=$packages "$suite" "$root" ${MIRROR-} >"$root.log" 2>&1 || {
            echo "debootstrap cannot make Debian $suite here: $(tail -n 1 "$root.log")"
            return 0
        }
        touch "$root/.complete"
    fi
    # Debootstrap takes what a late mirror has, so apt has to; and a browser without recommended packages suffices.
    printf '%s\n' 'Acquire::Check-Valid-Until "false";' 'APT::Install-Recommends "false";' >"$root/etc/apt/apt.conf.d/tests"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/"; fi
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # It may trust a proxy of this machine.
    rm -rf "$root/src" && mkdir "$root/src"
    git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$root/src"
    if [ "$(cat "$root/venv/installed" 2>/dev/null)" != "$wanted" ]; then
        inside sh -c 'rm -rf /venv && cd /src && exec make --silent --no-print-directory PYTHON=python3 VENV=/venv /venv/.dev'
        echo "$wanted" >"$root/venv/installed"
    fi
    ran+="$(inside /venv/bin/python -c "$version") "
    inside /venv/bin/python --version
    inside sh -c 'cd /src && exec /venv/bin/python -m pytest -n auto --dist worksteal "$@"' pytest "$@"
}

run_from_path() {
    local python=$1 venv=$cache/$2
    shift 2
    if [ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted $PWD" ]; then
        rm -rf "$venv"
        make --silent --no-print-directory PYTHON="$python" VENV="$venv" "$venv/.dev"
        echo "$wanted $PWD" >"$venv/installed"
    fi
    "$venv/bin/python" --version
    "$venv/bin/python" -m pytest -n auto --dist worksteal -p no:cacheprovider "$@" 9>&-
}

if [ -z "$suites" ]; then
    :
elif ! command -v apt-get >/dev/null || ! unshare --mount true 2>/dev/null; then
    echo 'No system is made with debootstrap: it needs root, and the right to mount, on a Debian.'
else
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
    for suite in $suites; do run_in_debian "$suite" "$@"; done
fi

for minor in 3.12 3.13 3.14; do
    if [[ $ran == *" $minor "* ]]; then continue; fi
    # pyenv's python3.12 works only if that version is chosen; the interpreter behind it works always.
    if python=$(PYENV_VERSION=$minor "python$minor" -c 'import sys; print(sys.executable)' 2>/dev/null); then
        run_from_path "$python" "$minor" "$@"
    else
        echo "Python $minor is skipped: there is no python$minor on the PATH."
    fi
done
