#!/bin/sh
# Fetches VDE's source into /usr/local/src/vde: a clone of $repository where phase_env names one, else Debian's source package.
# The snapshot that farm makes after this phase holds it, so that later runs begin with main.
# farm: become timeout=3600
set -eu
source=/usr/local/src/vde

rm -rf "$source"
mkdir -p "${source%/*}"
if [ -n "${repository:-}" ]; then
  git clone --recursive "$repository" "$source"
else
  # Images know where their packages are, but seldom where the sources of these are: at the same place.
  if ! grep -Eqrs '^(deb-src|Types:.*deb-src)' /etc/apt/sources.list /etc/apt/sources.list.d; then
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list > /etc/apt/sources.list.d/deb-src.list
    sed -i 's/^Types: deb$/& deb-src/' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
  fi
  work=$(mktemp -d /var/tmp/vde.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  apt-get -q -o Acquire::Languages=none update
  apt-get -q -o APT::Sandbox::User=root source vde2
  mv vde2-*/ "$source"
fi

# A clone has no configure yet; that of a release may be older than this architecture.
cd "$source"
autoreconf -fis
