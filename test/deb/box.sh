#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A machine for packages: this one's files as they are, what changes in memory,
# processes, network, hostname, queues and cgroups of its own, systemd as its
# first process. box.mjs starts it in a mount namespace of its own:
#
#   box.sh DIR ARCHIVES PACKAGES REPOSITORY PACKAGE…
#
# DIR is an empty directory to mount at. What the PACKAGEs need is fetched into
# ARCHIVES first, while there still is a network. Everything goes when the first
# process dies.
set -eu
dir=$1 archives=$2 packages=$3 repository=$4
shift 4

mount -t tmpfs -o mode=755 tmpfs "$dir"
cd "$dir"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" root
cd root

# What is mounted on this machine is not in an overlay of its root.
mkdir -p archives packages ".$repository"
mount --bind "$archives" archives
mount --bind "$packages" packages
mount --bind "$repository" ".$repository"
mount -o remount,bind,ro ".$repository"
# Where a container's image forbids services to start, the test wants them.
rm -f usr/sbin/policy-rc.d
# Nobody reads manuals here, and nothing has to survive a power cut.
rm -f var/lib/man-db/auto-update
echo force-unsafe-io >etc/dpkg/dpkg.cfg.d/box

cat >etc/apt/apt.conf.d/99box <<'END'
Dir::Cache::archives "/archives";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
END

mount -t proc proc proc
mount --rbind /dev dev
fetch() {
    chroot . apt-get -qq --download-only install "$@"
}
fetch "$@" 2>/dev/null || {
    chroot . apt-get -qq update
    fetch "$@"
}
umount -l dev proc
cat >"$dir/boot.sh" <<'END'
set -eu
cd "$1/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
# The new /tmp hides a repository that is below it.
if [ ! -e ".$2/Makefile" ]; then
    mkdir -p ".$2"
    mount --bind "$2" ".$2"
    mount -o remount,bind,ro ".$2"
fi
hostname box
mkdir -p oldroot
pivot_root . oldroot
exec chroot . /bin/sh -c 'umount -l /oldroot && exec env -i container=box \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target \
    --show-status=no --log-target=journal </dev/null'
END
exec unshare --pid --fork --kill-child --net --ipc --uts --cgroup --mount \
    bash "$dir/boot.sh" "$dir" "$repository"
