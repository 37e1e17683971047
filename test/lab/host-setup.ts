/** What makes a bare hypervisor host of fresh namespaces: the bash commands that run as its first process. */

/** Directories of which a host sees a private, writable copy; what differs from the original is what was changed. */
export const OVERLAYS = ['etc', 'home', 'opt', 'root', 'srv', 'usr', 'var'] as const

/** Directories that start empty on each host: the libvirt of the machine below, with all it manages, must not show through. */
export const PRIVATE = ['/var/lib/libvirt', '/var/log/libvirt', '/var/cache/libvirt', '/etc/libvirt', '/tmp'] as const

/** What farm itself may have left on the machine below: a bare host has none of it. */
export const MASKED = ['/var/lib/farm', '/var/log/farm', '/etc/sysctl.d/60-farm-forwarding.conf'] as const

/** Where a host sees the checkout of farm. */
export const CHECKOUT = '/mnt'

/** Directories in memory. */
export const VOLATILE = ['/run', '/dev/shm'] as const

/**
 * Environment: LAB_CHECKOUT the checkout of farm, LAB_DIR the host's directory outside, LAB_NAME its hostname, LAB_ADDRESS its address, LAB_GATEWAY the controller's
 * (which answers no DNS, and says so at once where an address beyond reach would cost every look-up its time-out), LAB_WITHOUT names of programs to
 * remove from /usr/bin.
 * Root's shell starts as on a fresh system: what the tester's own does at its start would be counted as farm's time.
 * The order matters: /tmp, under which LAB_DIR usually stands, is covered last.
 */
export const HOST_SETUP = String.raw`
hostname "$LAB_NAME"
mount --make-rprivate /
# First of all: wherever the checkout stands, what is mounted below may cover it.
mount --bind "$LAB_CHECKOUT" ${CHECKOUT}
# Mounts that come and go on the machine below would count as the host's; the overlays hide them anyway.
points=$(while read -r _ point _; do echo "$point"; done < /proc/mounts)
for point in $points; do
  for top in ${OVERLAYS.join(' ')}; do
    case "$point" in "/$top"/*) umount -l "$point" 2>/dev/null || true ;; esac
  done
done
cd "$LAB_DIR"
mkdir -p upper/etc upper/root
printf 'nameserver %s\n' "$LAB_GATEWAY" > upper/etc/resolv.conf
printf '127.0.0.1 localhost\n%s %s\n' "$LAB_ADDRESS" "$LAB_NAME" > upper/etc/hosts
for file in .bashrc .profile .bash_profile; do cp "/etc/skel/$file" "upper/root/$file" 2>/dev/null || : > "upper/root/$file"; done
for top in ${OVERLAYS.join(' ')}; do
  [ -d "/$top" ] && [ ! -L "/$top" ] || continue
  mkdir -p "upper/$top" "work/$top"
  chmod --reference="/$top" "upper/$top"
  for path in ${MASKED.join(' ')}; do
    case "$path" in "/$top"/*) if [ -e "$path" ]; then mkdir -p "upper$(dirname "$path")"; mknod "upper$path" c 0 0; fi ;; esac
  done
  mount -t overlay overlay -o "lowerdir=/$top,upperdir=upper/$top,workdir=work/$top" "/$top"
done
for program in $LAB_WITHOUT; do rm -f "/usr/bin/$program"; done

mkdir -p private/etc/libvirt/nwfilter private/var/lib/libvirt/images private/var/log/libvirt/qemu private/var/cache/libvirt private/tmp
chmod 1777 private/tmp
chmod 711 private/var/lib/libvirt/images
cp -p /etc/libvirt/*.conf private/etc/libvirt/
cp -p /usr/share/libvirt/nwfilter/*.xml private/etc/libvirt/nwfilter/ 2>/dev/null || true
cp -a /var/cache/libvirt/. private/var/cache/libvirt/ 2>/dev/null || true
for dir in /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt; do
  mkdir -p "$dir"
  mount --bind "private$dir" "$dir"
done

umount -l /sys
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount --bind private/tmp /tmp
cd /
mount -t proc proc /proc
mkdir -p /run/lock /run/libvirt /run/sshd
chmod 1777 /run/lock
[ -L /var/run ] || [ ! -d /var/run ] || mount --bind /run /var/run
echo 0 > /proc/sys/net/ipv4/ip_forward
ip link set lo up
`

/** Starts the daemons. Environment as above; returns when libvirt answers. */
export const HOST_DAEMONS = String.raw`
set -eu
virtlogd -d -p /run/virtlogd.pid
libvirtd -d -p /run/libvirtd.pid
for try in $(seq 100); do virsh -q list >/dev/null 2>&1 && break; sleep 0.1; done
virsh -q domcapabilities --virttype qemu >/dev/null
`
