#!/usr/bin/env bash
# The program bound: all experiments run and leave their plots, the seed decides, rubbish is refused.
source "$(dirname "$0")/program_test.sh"

repeatable binary --samples 2000
[ "$(grep -c "gap = KL: reached" first)" -eq 12 ] || fail "twelve gaps are wanted: $(cat first)"
! grep -q short first || fail "the binary channel is enumerated, nothing can be short: $(cat first)"
repeatable gradient --repetitions 1000 --output a
chart a/gradient.svg
try gaussian --samples 1000 --output b
[ "$(grep -c "below I" out)" -eq 16 ] || fail "sixteen bounds are wanted: $(cat out)"
chart b/gaussian.svg

refuses "subcommand is required"
refuses "must not be negative" gaussian --seed -1
refuses "--samples" binary --samples 10
refuses "--repetitions" gradient --repetitions 1
touch file
refuses "file" gradient --repetitions 100 --output file
refuses "/proc/self/gradient.svg" gradient --repetitions 100 --output /proc/self
