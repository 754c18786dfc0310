#!/usr/bin/env bash
# The program nce: both experiments run and leave their plots, the seed decides what they print, rubbish is refused.
source "$(dirname "$0")/program_test.sh"

small=(--repetitions 40 --points 200 --nu 1,4 --output a)
repeatable gaussian "${small[@]}"
[ "$(grep -c "standard errors" first)" -eq 4 ] || fail "four variances are wanted: $(cat first)"
chart a/gaussian.svg
try ica --repetitions 10 --points 200,400 --nu 2 --output b
[ "$(grep -c "^slope" out)" -eq 2 ] || fail "two slopes are wanted: $(cat out)"
chart b/ica.svg

refuses "subcommand is required"
refuses "subcommand is required" something
refuses "must not be negative" gaussian --seed -1
refuses "--repetitions" gaussian --repetitions 9
refuses "--points" gaussian --points many
refuses "--nu" gaussian --nu 0
refuses "--points" ica --points 500
touch file
refuses "too many" gaussian --points 10000000 --nu 100
refuses "too many" ica --points 500,10000000
refuses "two different sizes" ica --repetitions 10 --points 200,200 --nu 1
refuses "file" gaussian --repetitions 20 --points 200 --nu 1 --output file
# A plot that cannot be written costs no figure.
refuses "standard errors" gaussian --repetitions 20 --points 200 --nu 1 --output /proc/self
refuses "/proc/self/gaussian.svg" gaussian --repetitions 20 --points 200 --nu 1 --output /proc/self
