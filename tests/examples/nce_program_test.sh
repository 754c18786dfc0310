#!/usr/bin/env bash
# The program nce: both experiments run and leave their plots, the seed decides what they print, rubbish is refused.
#
#   bash tests/examples/nce_program_test.sh PROGRAM FOLDER
set -euo pipefail
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() {
  echo "nce_program_test.sh: $1" >&2
  exit 1
}

# So few repetitions may miss the theory's figures: status 1, but nothing worse.
try() {
  local status=0
  "$program" "$@" >"$folder/out" 2>&1 || status=$?
  [ "$status" -le 1 ] || fail "nce $* ended with $status: $(cat "$folder/out")"
}
try gaussian --repetitions 40 --points 200 --nu 1,4 --output "$folder/a"
[ "$(grep -c "standard errors" "$folder/out")" -eq 4 ] || fail "four variances are wanted: $(cat "$folder/out")"
grep -q "</svg>" "$folder/a/gaussian.svg" || fail "gaussian.svg is no chart"
cp "$folder/out" "$folder/first"
try gaussian --repetitions 40 --points 200 --nu 1,4 --output "$folder/a"
cmp -s "$folder/out" "$folder/first" || fail "the same seed gave something else"
for threads in 1 3; do
  OMP_NUM_THREADS=$threads try gaussian --repetitions 40 --points 200 --nu 1,4 --output "$folder/a"
  cmp -s "$folder/out" "$folder/first" || fail "$threads threads gave something else"
done
try gaussian --repetitions 40 --points 200 --nu 1,4 --output "$folder/a" --seed 1
! cmp -s "$folder/out" "$folder/first" || fail "another seed gave the same"
try ica --repetitions 10 --points 200,400 --nu 2 --output "$folder/b"
[ "$(grep -c "^slope" "$folder/out")" -eq 2 ] || fail "two slopes are wanted: $(cat "$folder/out")"
grep -q "</svg>" "$folder/b/ica.svg" || fail "ica.svg is no chart"

# refuses TEXT ARGUMENT...: the program must fail with TEXT in what it prints.
refuses() {
  local text=$1 output
  shift
  if output=$("$program" "$@" 2>&1); then fail "nce $* was accepted"; fi
  [[ $output == *"$text"* ]] || fail "nce $* printed '$output', not '$text'"
}
refuses "subcommand is required"
refuses "subcommand is required" something
refuses "must not be negative" gaussian --seed -1
refuses "--repetitions" gaussian --repetitions 9
refuses "--points" gaussian --points many
refuses "--nu" gaussian --nu 0
refuses "--points" ica --points 500
touch "$folder/file"
refuses "too many" gaussian --points 10000000 --nu 100
refuses "too many" ica --points 500,10000000
refuses "two different sizes" ica --repetitions 10 --points 200,200 --nu 1
refuses "$folder/file" gaussian --repetitions 20 --points 200 --nu 1 --output "$folder/file"
# A plot that cannot be written costs no figure.
refuses "standard errors" gaussian --repetitions 20 --points 200 --nu 1 --output /proc/self
refuses "/proc/self/gaussian.svg" gaussian --repetitions 20 --points 200 --nu 1 --output /proc/self
