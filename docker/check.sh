#!/bin/bash
# Builds the image `cpu` without a container engine and tries it: `make image-check`. More targets can
# be named: `docker/check.sh cuda train` builds them, too.
#
# As root, with buildah and mmdebstrap of Debian. Two things are not as on a machine with an engine:
# the base is a Debian of its own with Python 3.11 in place of docker.io/library/python, for no
# registry is asked, and the container is a chroot in namespaces (pid, mount) instead of runc's.
set -euo pipefail
cd "$(dirname "$0")/.."
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
MOST=900 # MB
work=$(mktemp -d)
image=localhost/adaface-service:check
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "image-check: $*"; }
fail() { say "FAILED: $*" >&2; exit 1; }

base() { # slim, as the image it stands for
  buildah inspect --type image localhost/python:check > /dev/null 2>&1 && return
  mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/base.tar" 2> "$work/base.log" ||
    { tail "$work/base.log" >&2; fail "no base"; }
  local made
  made=$(buildah from scratch)
  buildah add --quiet "$made" "$work/base.tar" / > /dev/null
  buildah commit --quiet --rm "$made" localhost/python:check > /dev/null
}

built() { # $1: the target
  local mounts=(-v /etc/ssl/certs:/etc/ssl/certs:ro)
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$work/pip.conf"
  mounts+=(-v "$work/pip.conf:/etc/pip.conf:ro")
  buildah build --layers --build-arg PYTHON=localhost/python:check --target "$1" --format docker \
    --file docker/Dockerfile "${mounts[@]}" --tag "$image" . > "$work/build.log" 2>&1 ||
    { tail -20 "$work/build.log" >&2; fail "the target $1 does not build"; }
}

contained() { # runs the image's command as its user, on its read-only root, with /data and /tmp to write to
  local root=$1
  mount --bind "$root" "$root"
  mount -o remount,ro,bind "$root"
  mount -t tmpfs -o size=512m,uid=10001,gid=10001,mode=700 data "$root/data"
  mount -t tmpfs -o size=64m,mode=1777,noexec tmp "$root/tmp"
  mount -t tmpfs run "$root/run"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mkdir "$root/run/secrets"
  install -m 644 "$2" "$root/run/secrets/api_key"
  # shellcheck disable=SC2046 # each of the image's variables is a word of its own
  exec env -i $(cat "$3") FACE_PORT="$4" FACE_ADMIN_KEY_FILE=/run/secrets/api_key \
    setpriv --no-new-privs chroot --userspec=10001:10001 "$root" adaface serve
}

tried() {
  local made root key port=18000
  made=$(buildah from "$image")
  root=$(buildah mount "$made")
  local size=$(($(du --summarize --bytes "$root" | cut -f1) / 1000000))
  say "$size MB"
  [ "$size" -le "$MOST" ] || fail "more than $MOST MB"
  key=$(openssl rand -hex 32)
  echo "$key" > "$work/key"
  buildah inspect "$made" | jq --raw-output '.OCIv1.config.Env[]' > "$work/env"
  .venv/bin/python -c "import sys; from tests import photographs as p; sys.stdout.buffer.write(p.astronaut())" \
    > "$work/photo.jpg"
  export -f contained
  unshare --mount --pid --fork --kill-child bash -c 'contained "$@"' contained \
    "$root" "$work/key" "$work/env" "$port" > "$work/run.log" 2>&1 &
  local shell=$! url=http://127.0.0.1:$port
  for _ in $(seq 240); do
    curl --silent --fail --output /dev/null "$url/readyz" && break
    kill -0 "$shell" 2> /dev/null || { cat "$work/run.log" >&2; fail "it does not start"; }
    sleep 0.5
  done
  local inner
  inner=$(pgrep --parent "$shell")
  [ "$(stat --format %u "/proc/$inner")" = 10001 ] || fail "it does not run as 10001"
  grep --quiet 'NoNewPrivs:.1' "/proc/$inner/status" || fail "privileges can be gained"
  grep --quiet 'CapEff:.0000000000000000' "/proc/$inner/status" || fail "it has capabilities"
  nsenter --target "$inner" --mount touch "$root/usr/x" 2> /dev/null && fail "its root can be written to"
  [ "$(asked "$url" --header "X-API-Key: wrong")" = 401 ] || fail "a wrong key is let in"
  [ "$(asked "$url" --header "X-API-Key: $key")" = 200 ] || fail "/embed does not answer"
  asked "$url" --header "X-API-Key: $key" --limit-rate 60k > "$work/slow" &
  local slow=$!
  sleep 0.5
  kill -TERM "$inner"
  wait "$slow" || fail "a request was cut off"
  [ "$(cat "$work/slow")" = 200 ] || fail "a request in progress was answered $(cat "$work/slow")"
  wait "$shell" || fail "it left with status $?"
  say "/readyz, /embed, keys, uid 10001, read-only root, drained SIGTERM: as promised"
  buildah rm "$made" > /dev/null
}

without_gpu() { # of the target `cuda`: its packages fit together, and a start without a card says so
  local made root
  made=$(buildah from "$image")
  root=$(buildah mount "$made")
  chroot "$root" /opt/adaface/bin/python -c \
    "import onnxruntime as o; assert 'CUDAExecutionProvider' in o.get_available_providers(), o.__file__" ||
    fail "no CUDA in the target cuda"
  chroot "$root" env FACE_PROVIDER=cuda FACE_DATA_DIR=/tmp/data /opt/adaface/bin/adaface serve > "$work/cuda.log" 2>&1 &&
    fail "it serves on a card that is not there"
  say "cuda, without a card: $(tail -1 "$work/cuda.log")"
  buildah rm "$made" > /dev/null
}

asked() { # the status of /embed
  local url=$1
  shift
  curl --silent --output "$work/answer" --write-out '%{http_code}' "$@" --header 'Content-Type: image/jpeg' \
    --header 'Expect:' --data-binary "@$work/photo.jpg" "$url/embed"
}

base
say "the base stands in for $(sed -n 's/^ARG PYTHON=//p' docker/Dockerfile); no engine: a chroot in namespaces"
built cpu
tried
for target in "$@"; do # cuda, train: gigabytes
  built "$target"
  say "the target $target builds"
  [ "$target" != cuda ] || without_gpu
done
