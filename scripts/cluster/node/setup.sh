#!/bin/sh
# The first process of a real node's namespaces (mounts, network, processes, IPC, host name): covers what the node would
# change on the machine, says that it is ready, and stays, as the parent of whoever loses theirs. When it is killed, the
# kernel ends all that runs there, and takes mounts and network away.
#
#   setup.sh FOLDER MEMORY GROUP HIERARCHY...
#
#   FOLDER     keeps what the node writes
#   MEMORY     is the path of a hierarchy of control groups for memory that belongs to somebody else, or empty
#   GROUP      is the node's own, which it shall see as the top of each HIERARCHY
set -eu
folder=$1 memory=$2 group=$3
shift 3

# Volumes that the kubelet mounts must reach containerd, which has mounts of its own.
mount --make-rshared /
mount --make-rprivate /sys
mount --make-rprivate /proc

# The whole hierarchy goes: runc takes the first mount that it finds.
mkdir "$folder/hierarchy"
for hierarchy in "$@"; do
  mount --bind "$hierarchy/$group" "$folder/hierarchy"
  umount "$hierarchy"
  mount --bind "$folder/hierarchy" "$hierarchy"
  umount "$folder/hierarchy"
done
if [ -n "$memory" ]; then
  # The kubelet wants to see it, and only reads there.
  mount --bind "$memory" "$memory"
  mount -o remount,bind,ro "$memory"
fi
# Of a machine that has both versions the first is used.
if [ -e /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi

# Settings of the kernel that are the whole machine's, and that the kubelet would change. Those of the network are this
# network's own.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  [ -e "/proc/sys/$name" ] || continue
  mkdir -p "$folder/settings/${name%/*}"
  cat "/proc/sys/$name" >"$folder/settings/$name"
  mount --bind "$folder/settings/$name" "/proc/sys/$name"
done

mkdir -p "$folder/log" "$folder/plugins" "$folder/cni" "$folder/lib" "$folder/work"
cat /etc/resolv.conf >"$folder/resolv.conf"
mount --bind "$folder/log" /var/log
mount -t tmpfs tmpfs /run
# Sockets of device plugins, and what network plugins remember, have fixed places there.
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$folder/lib,workdir=$folder/work" /var/lib

ip link set lo up
touch "$folder/ready"
while :; do
  sleep 3600 &
  wait
done
