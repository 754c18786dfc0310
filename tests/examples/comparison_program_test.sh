#!/usr/bin/env bash
# The program comparison: all pairs run and leave their plots, the seed decides, rubbish is refused.
source "$(dirname "$0")/program_test.sh"

repeatable --repetitions 1 --points 100,200 --output a
[ "$(grep -c "MAP rule and density-ratio rule: 0 different decisions  reached" first)" -eq 4 ] ||
  fail "four pairs without different decisions are wanted: $(cat first)"
for name in gaussians mixtures error; do chart a/$name.svg; done

refuses "must not be negative" --seed -1
refuses "--repetitions" --repetitions 0
refuses "--points" --points 10
refuses "rising" --points 200,100
refuses "at least two sizes" --points 200
refuses "--bogus" --bogus
touch file
refuses "file" --repetitions 1 --points 100,200 --output file
refuses "/proc/self/gaussians.svg" --repetitions 1 --points 100,200 --output /proc/self
