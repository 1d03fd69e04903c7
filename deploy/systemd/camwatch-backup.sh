#!/bin/sh
# Copy camwatch's SQLite store while it runs, and remove the oldest copies.
#   backup STORE FOLDER KEEP
# A copy is under its name once it is whole and sound. Exit codes: 0 done, 1 no copy was made, 2 wrong usage.
set -eu
umask 077
if [ $# -ne 3 ]; then
  echo "usage: backup STORE FOLDER KEEP" >&2
  exit 2
fi
store=$1 folder=$2 keep=$3
fail() {
  echo "backup: $1" >&2
  exit 1
}
[ -f "$store" ] || fail "$store does not exist"
copy=$folder/camwatch-$(date -u +%Y-%m-%dT%H%M%SZ).db
rm -f "$folder"/*.partial
sqlite3 "$store" "VACUUM INTO '$copy.partial'" || fail "$store cannot be copied"
[ "$(sqlite3 "$copy.partial" 'PRAGMA quick_check')" = ok ] || fail "the copy is damaged"
mv "$copy.partial" "$copy"
# Names sort as their dates do.
ls "$folder" | grep '^camwatch-.*Z\.db$' | sort -r | tail -n "+$((keep + 1))" | while read -r old; do
  rm -f "$folder/$old"
done
echo "$copy"
