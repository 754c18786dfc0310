#!/usr/bin/env bash
# InfoGAN on MNIST from a fresh Debian machine: installs, builds, fetches MNIST, trains, evaluates, reports.
#
#   bash examples/infogan/demo.sh            4 epochs
#   bash examples/infogan/demo.sh --quick    a run of two and a half minutes
#
# --output FOLDER says where the run goes (runs/infogan or runs/infogan-quick); everything else on the command line goes
# to `infogan_mnist train` (see its --help), for example --epochs 10.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/common/build.sh

length=()
name=infogan
run=
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) length=(--iterations 400) name=infogan-quick ;;
    --output)
      [ $# -ge 2 ] || { echo "demo.sh: --output needs a folder" >&2; exit 1; }
      run=$2
      shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
run=${run:-runs/$name}

build_programs infogan_mnist
program=$(program infogan_mnist)

data=mnist
if ! bash examples/common/fetch_data.sh mnist; then
  data=synthetic
  echo "MNIST could not be fetched: training on digits that the program draws itself (--data synthetic)."
fi

# A finished or interrupted run is continued, never overwritten.
resume=()
[ ! -f "$run/checkpoint.safetensors" ] || resume=(--resume)
"$program" train --data "$data" --output "$run" ${length[@]+"${length[@]}"} "${resume[@]}" ${arguments[@]+"${arguments[@]}"}
"$program" evaluate --run "$run"
"$program" report --run "$run"
echo
echo "Grids of generated digits: $run/grids"
echo "The whole run on one page: $run/report.html"
