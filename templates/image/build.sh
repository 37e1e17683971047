#!/bin/sh
# Builds a guest image from a distribution's own packages: build.sh DIR SUITE ARCH PACKAGES SIZE [MIRROR]
#
# DIR holds rootfs.tar (files laid over the guest) and receives disk.qcow2, vmlinuz and initrd.img.
# PACKAGES are separated by commas, SIZE is the disk's in MiB. An empty MIRROR means the distribution's own.
# The file system fills the disk: no partition table and no boot loader, so neither loop devices nor grub are needed.
# DIR/stage says what is under way, DIR/build.log all that was printed. PATH has to include the sbin directories.
set -eu
umask 022
dir=$1 suite=$2 arch=$3 packages=$4 size=$5 mirror=${6-}
root=$dir/root
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TMPDIR="$dir/tmp"

# Removes files and trees in DIR, but nothing as long as something is mounted there: it would be emptied as well.
remove() {
  # The kernel writes spaces and backslashes of mount points as octal numbers.
  real=$(readlink -f "$dir" | sed 's/\\/\\134/g; s/ /\\040/g')
  if grep -F " $real/" /proc/mounts; then
    echo "E: something is mounted in $dir, so nothing there is removed"
    return 1
  fi
  rm -rf -- "$@"
}

trap 'remove "$root" "$dir/disk.raw" "$TMPDIR" || true' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

stage() { echo "$*" >"$dir/stage"; echo "== $*"; }
mkdir -p "$TMPDIR"
exec >"$dir/build.log" 2>&1 </dev/null

stage "installing $suite packages"
mmdebstrap --mode=root --variant=minbase --architectures="$arch" --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --essential-hook='tar -C "$1" --no-same-owner -xf "'"$dir"'/rootfs.tar"' \
  "$suite" "$root" ${mirror:+"$mirror"}

stage 'configuring the guest'
in_guest() { chroot "$root" env -u TMPDIR "$@"; }
in_guest systemctl -q enable farm-seed.service farm-certificates.service farm-grow.service farm-ready.service systemd-networkd.service ssh.service
# Nothing of this helps a machine that lives for a test; each costs time at boot or wakes up later.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer systemd-networkd-wait-online.service systemd-pstore.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service getty@tty1.service console-getty.service \
  systemd-journal-flush.service systemd-network-generator.service dev-hugepages.mount dev-mqueue.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
  modprobe@dm_mod.service modprobe@loop.service proc-sys-fs-binfmt_misc.automount ldconfig.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/etc/systemd/system-generators"
for generator in cryptsetup debug gpt-auto hibernate-resume integritysetup rc-local run system-update veritysetup; do
  ln -sf /dev/null "$root/etc/systemd/system-generators/systemd-$generator-generator"
done
rm -f "$root/etc/modules-load.d/modules.conf"
# Each of them starts programs at every login.
sed -i '/pam_motd/d; /pam_mail/d; /pam_selinux/d' "$root/etc/pam.d/sshd"
in_guest usermod --lock root
# What must differ between machines is not in the image.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf" "$root/etc/hostname" "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
: >"$root/etc/machine-id"
echo localhost >"$root/etc/hostname"
rm -rf "$root"/var/log/apt "$root"/var/log/dpkg.log "$root"/var/log/alternatives.log "$root"/var/log/bootstrap.log
# systemd need not look again for what has changed under /usr.
touch "$root/etc/.updated" "$root/var/.updated"

stage 'copying the kernel'
# Some architectures do not compress it: vmlinux.
kernel=$(ls "$root"/boot/vmlinu[xz]-* | sort -V | tail -n 1)
cp "$kernel" "$dir/vmlinuz"
cp "$root/boot/initrd.img-${kernel##*/vmlinu[xz]-}" "$dir/initrd.img"
rm -f "$root"/boot/initrd.img-*

stage 'making the disk'
rm -f "$dir/disk.raw"
truncate -s "${size}M" "$dir/disk.raw"
mkfs.ext4 -q -F -b 4096 -L farm-root -m 1 -J size=32 -E lazy_itable_init=1,root_owner=0:0 -d "$root" "$dir/disk.raw"
remove "$root"
qemu-img convert -f raw -O qcow2 "$dir/disk.raw" "$dir/disk.qcow2"
