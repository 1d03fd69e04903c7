#!/usr/bin/env bash
# Make what deploy/compose.yaml needs and no repository should hold: accounts, a certificate, passwords.
#
#   sudo deploy/bootstrap.sh NAME...        the names and addresses by which cameras reach the broker
#
# writes deploy/secrets; what is there already stays. Run it again after the inventory changed, or to renew the
# certificate. As root it gives each folder to the user of its container; others cannot do that.
set -euo pipefail
umask 077
here=$(cd "$(dirname "$0")" && pwd)
secrets=${CAMWATCH_SECRETS:-$here/secrets}
fleet=${CAMWATCH_FLEET:-$here/../config/fleet}
if (($# == 0)); then
  echo "usage: ${0##*/} NAME... (the names and addresses by which cameras reach the broker)" >&2
  exit 2
fi
"$here/mosquitto/generate-accounts.py" --fleet "$fleet" --folder "$secrets"
"$here/mosquitto/generate-certificates.sh" "$secrets" "$@" mosquitto localhost
mkdir -p "$secrets"/{alertmanager,grafana,prometheus}
if [[ ! -s $secrets/grafana/admin-password ]]; then
  openssl rand -base64 24 >"$secrets/grafana/admin-password"
fi
# What Prometheus shows to read camwatch's metrics.
if [[ ! -s $secrets/camwatch/metrics-token ]]; then
  openssl rand -hex 32 >"$secrets/camwatch/metrics-token"
fi
cp "$secrets/camwatch/metrics-token" "$secrets/prometheus/camwatch-metrics-token"
# Alertmanager starts without them, and complains when it sends: fill in those that you use.
grep -oE '/etc/alertmanager/secrets/[a-z0-9-]+' "$here/alertmanager/alertmanager.yml" | sort -u | while read -r file; do
  file=$secrets/alertmanager/${file##*/}
  if [[ ! -e $file ]]; then
    : >"$file"
    echo "to be filled in: $file"
  fi
done
if [[ $(id -u) == 0 ]]; then
  chmod 711 "$secrets"
  chown -R 1883:1883 "$secrets/mosquitto"
  chown -R 10001:10001 "$secrets/camwatch" "$secrets/cameras"
  chown -R 65534:65534 "$secrets/alertmanager" "$secrets/prometheus"
  chown -R 472:472 "$secrets/grafana"
else
  echo "not root: the containers cannot read $secrets until each folder is their user's" >&2
fi
