#!/usr/bin/env bash
# Reruns the systems of the note and prints each figure beside what it should be, with `reached` or `short`, and how
# long it took.
#
#   bash examples/reproduce.sh                    all of them, one after the other
#   bash examples/reproduce.sh nce bound          some: infogan gan nce comparison bound vae
#   bash examples/reproduce.sh --seed 1 bound     another seed (infogan: seeds 0 to 9, --seeds 0..2 for others)
#
# Runs go to runs/; what was trained there is read, not trained again. Exit status: 0 if every figure is reached, 1 if one
# is short, 2 if something failed.
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/common/build.sh

all=(infogan gan nce comparison bound vae)
systems=()
seed=0
seeds=0..9
while [ $# -gt 0 ]; do
  case $1 in
    --seed | --seeds)
      [ $# -ge 2 ] || { echo "reproduce.sh: $1 needs a value" >&2; exit 2; }
      if [ "$1" = --seed ]; then seed=$2; else seeds=$2; fi
      shift ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *)
      [[ " ${all[*]} " == *" $1 "* ]] || { echo "reproduce.sh: there is no '$1'; there are: ${all[*]}" >&2; exit 2; }
      systems+=("$1") ;;
  esac
  shift
done
[ ${#systems[@]} -gt 0 ] || systems=("${all[@]}")
[[ $seed =~ ^[0-9]{1,18}$ ]] || { echo "reproduce.sh: --seed is '$seed'; it must be a number" >&2; exit 2; }

build_programs "${systems[@]/#infogan/infogan_mnist}"

# run PROGRAM ARGUMENT...: exit status 1 of a program, a figure that is short, is remembered; a higher one ends the script.
short=0
run() {
  local status=0 name=$1
  shift
  "$(program "$name")" "$@" || status=$?
  [ "$status" -le 1 ] || { echo "reproduce.sh: $name $* failed" >&2; exit 2; }
  [ "$status" -eq 0 ] || short=1
}
# train PROGRAM FOLDER ARGUMENT...: resumes what is there.
train() {
  local name=$1 run=$2 resume=()
  shift 2
  [ ! -f "$run/checkpoint.safetensors" ] || resume=(--resume)
  "$(program "$name")" train --output "$run" --seed "$seed" "$@" ${resume[@]+"${resume[@]}"} ||
    { echo "reproduce.sh: $name train failed or was stopped" >&2; exit 2; }
}
need_data() { bash examples/common/fetch_data.sh "$1" || exit 2; }

for system in "${systems[@]}"; do
  echo "== $system"
  start=$SECONDS
  case $system in
    infogan)
      need_data mnist
      run infogan_mnist study --seeds "$seeds" --output runs/study
      need_data fashion
      run infogan_mnist study --data fashion --seeds "$seeds" --output runs/study-fashion ;;
    gan)
      need_data mnist
      for loss in non-saturating saturating; do
        train gan "runs/gan-$loss-$seed" --loss "$loss"
        echo "$loss:"
        run gan evaluate --run "runs/gan-$loss-$seed"
      done ;;
    nce)
      run nce gaussian --seed "$seed"
      run nce ica --seed "$seed" ;;
    comparison) run comparison --seed "$seed" ;;
    bound) for part in gaussian binary gradient; do run bound "$part" --seed "$seed"; done ;;
    vae)
      need_data mnist
      train vae "runs/vae-$seed"
      run vae evaluate --run "runs/vae-$seed" ;;
  esac
  printf '%s took %d:%02d\n\n' "$system" $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60))
done
exit $short
