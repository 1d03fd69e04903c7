#!/usr/bin/env bash
# Make a certificate for the broker, signed by an authority of our own.
#
#   deploy/mosquitto/generate-certificates.sh deploy/secrets broker.ville.example [more names or addresses]
#
# writes authority/ (its key signs every later certificate: keep it off the broker), mosquitto/server.pem and .key,
# and ca.pem for the broker, camwatch and the cameras. Run it again to renew: the authority stays, so that no camera
# needs to be touched. With certificates of another authority leave this script alone and put the files there.
set -euo pipefail
umask 077
if (($# < 2)); then
  echo "usage: ${0##*/} FOLDER NAME..." >&2
  exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
names=""
for name in "$@"; do
  kind=DNS
  if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then kind=IP; fi
  names+="${names:+,}$kind:$name"
done
authority=$folder/authority
mkdir -p "$authority" "$folder"/{mosquitto,camwatch,cameras}
new=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
if [[ ! -e $authority/ca.key ]]; then
  openssl req -x509 "${new[@]}" -days 7300 -subj "/CN=camwatch broker authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout "$authority/ca.key" -out "$authority/ca.pem" 2>/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl req "${new[@]}" -subj "/CN=$1" -keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
printf '%s\n' "subjectAltName=$names" "extendedKeyUsage=serverAuth" "authorityKeyIdentifier=keyid" \
  "subjectKeyIdentifier=hash" >"$work/extensions"
openssl x509 -req -in "$work/server.csr" -CA "$authority/ca.pem" -CAkey "$authority/ca.key" \
  -set_serial "0x$(openssl rand -hex 16)" -days 825 -extfile "$work/extensions" -out "$work/server.pem" 2>/dev/null
# Onto the files that are there, so that they keep their owner.
cat "$work/server.key" >"$folder/mosquitto/server.key"
cat "$work/server.pem" >"$folder/mosquitto/server.pem"
for reader in mosquitto camwatch cameras; do
  cat "$authority/ca.pem" >"$folder/$reader/ca.pem"
done
openssl x509 -in "$work/server.pem" -noout -enddate | sed "s/notAfter=/valid for $names until /"
