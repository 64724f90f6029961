#!/usr/bin/env bash
# Make a base image for the stages from Debian packages alone, where no container registry can be reached.
#
#     images/offline-base.sh [NAME]        default NAME: netanomaly/base
#
# Needs root, debootstrap and Docker. Packages come from the mirror that this machine's apt uses (DEBIAN_MIRROR
# overrides it), verified with Debian's keys. Its tag is a digest of the package list: the same packages, the same tag.
# The reference is printed, and kept in images/.base for the builds that follow.
set -euo pipefail
cd "$(dirname "$0")"
name=${1:-netanomaly/base}
suite=trixie
packages=ca-certificates,libgcc-s1,libstdc++6,netbase,python3,tzdata

fail() { echo "error: $*" >&2; exit "${code:-2}"; }
[ "$(id -u)" = 0 ] || fail "debootstrap needs root: run this with sudo"
command -v debootstrap > /dev/null || fail "debootstrap is missing (Debian: apt-get install debootstrap)"
docker=${DOCKER:-docker}
$docker version > /dev/null 2>&1 || code=3 fail "no Docker daemon answers; start it, or point DOCKER_HOST at one"

# The first Debian archive that apt knows. debootstrap takes no other, and no list of several.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 2> /dev/null |
  awk '$2 == "Debian" && $1 !~ /security/ {print $1; exit}')}
[ -n "$mirror" ] || mirror=$(grep -rhoE 'https?://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2> /dev/null | head -n 1 || true)
[ -n "$mirror" ] || fail "no Debian mirror is configured here; name one: DEBIAN_MIRROR=http://... images/offline-base.sh"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
log=$root.log
if ! debootstrap --variant=minbase --include=$packages $suite "$root" "${mirror%% *}" > "$log" 2>&1; then
  tail -n 5 "$log" >&2
  code=3 fail "debootstrap could not fetch $suite from $mirror; the whole log: $log"
fi
rm -f "$log"

# Documentation, package lists, logs and whatever differs from one run to the next.
rm -rf "$root"/usr/share/{doc,man,info,locale,lintian,bug}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/* \
  "$root"/var/log/* "$root"/root/.[a-z]* "$root"/debootstrap "$root"/etc/machine-id "$root"/etc/hostname \
  "$root"/etc/resolv.conf "$root"/etc/*- "$root"/var/lib/dpkg/*-old "$root"/run/* "$root"/tmp/*
find "$root"/usr -depth -name __pycache__ -exec rm -rf {} +
# Deterministic byte code of the standard library: a read-only image cannot make it later.
chroot "$root" python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3.13 > /dev/null
# Programs that would run with another user's rights; no stage needs one.
find "$root" -xdev -perm /6000 -type f -exec chmod a-s {} +

tag=$suite-$(awk '/^Package:|^Version:|^Status:/' "$root/var/lib/dpkg/status" | cat - <(sha256sum < offline-base.sh) |
  sha256sum | cut -c 1-12)
tar --create --directory "$root" --sort=name --numeric-owner --mtime=@315532800 --clamp-mtime . |
  $docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8' --change 'CMD ["bash"]' \
    --message "debootstrap $suite" - "$name:$tag" > /dev/null
echo "$name:$tag" > .base
echo "$name:$tag"
