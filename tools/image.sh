#!/usr/bin/env bash
# Builds deploy/Dockerfile and tries the image: `tools/image.sh [docker | podman | buildah]`.
# Without an engine of containers, buildah builds it on Debian's trixie and Python 3.13, which debootstrap fetches, in
# place of python:3.13-slim-bookworm. That needs root on a Debian.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly image=langgraph-runner
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/langgraph-runner/image
serve=$(sed -n 's/^CMD //p' deploy/Dockerfile)
health=$(sed -n 's/^    CMD //p' deploy/Dockerfile)
readonly serve health

with_engine() {
    "$1" build --file deploy/Dockerfile --tag "$image" .
    "$1" run --rm --interactive --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
        --entrypoint python "$image" - "$serve" "$health" <tools/image_smoke.py
}

with_buildah() {
    local base container certificates=/etc/ssl/certs/ca-certificates.crt
    base=$(sed -n 's/^FROM //p' deploy/Dockerfile | tail -n 1)
    export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
    b() { buildah --root "$cache/store" --runroot "$cache/run" "$@"; }
    mkdir -p "$cache"
    b rm --all >/dev/null # Of builds that failed.
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$cache/policy.json" # Nothing is pulled.
    if ! b inspect --type image "$base" >/dev/null 2>&1; then
        rm -rf "$cache/base"
        debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv trixie "$cache/base" >"$cache/base.log"
        ln -s python3 "$cache/base/usr/bin/python"
        container=$(b from scratch)
        b copy --quiet "$container" "$cache/base" /
        b commit --quiet --signature-policy "$cache/policy.json" "$container" "docker.io/library/$base"
        b rm "$container" && rm -rf "$cache/base"
    fi
    # pip may need the certificates and the settings of this machine.
    local mounts=(--volume "$certificates:$certificates:ro")
    [ ! -f /etc/pip.conf ] || mounts+=(--volume /etc/pip.conf:/etc/pip.conf:ro)
    b bud --pull-never --network host --format docker --signature-policy "$cache/policy.json" "${mounts[@]}" \
        --file deploy/Dockerfile --tag "$image" .
    container=$(b from --pull-never --signature-policy "$cache/policy.json" "$image")
    b run "$container" -- python - "$serve" "$health" <tools/image_smoke.py
    b rm "$container"
}

builder=${1:-}
if [ -z "$builder" ]; then
    for engine in docker podman; do
        if command -v "$engine" >/dev/null && "$engine" info >/dev/null 2>&1; then builder=$engine && break; fi
    done
fi
if [ -z "$builder" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { command -v buildah && command -v debootstrap; } >/dev/null || apt-get install --quiet --yes --no-install-recommends buildah debootstrap
    builder=buildah
fi
case $builder in
docker | podman) with_engine "$builder" ;;
buildah) with_buildah ;;
*) echo 'The image is not built: that needs docker, podman, or root on a Debian.' ;;
esac
