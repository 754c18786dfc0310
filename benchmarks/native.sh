#!/usr/bin/env bash
# Shows that plain -O2 gives up no speed: times the InfoGAN training step of a program compiled with
# `g++ -std=c++20 -O2 -fopenmp` against the same program with -march=native added, run in turn.
#   bash benchmarks/native.sh [PAIRS]
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/common/install.sh
need_packages "to build the benchmark" g++ libeigen3-dev
pairs=${1:-5}
mkdir -p build/native
for flags in "" "-march=native"; do
  # shellcheck disable=SC2086
  quietly "Compiling with -O2 $flags" g++ -std=c++20 -O2 -fopenmp $flags -I include -I examples -isystem /usr/include/eigen3 \
    benchmarks/infogan_step.cpp -o "build/native/step$flags"
done
median_of() { sed 's/.*"step_ms_median": \([0-9.]*\).*/\1/'; }
ratios=()
for ((pair = 1; pair <= pairs; ++pair)); do
  plain=$(build/native/step 30 | median_of)
  native=$(build/native/step-march=native 30 | median_of)
  ratios+=("$(awk -v a="$plain" -v b="$native" 'BEGIN { printf "%.3f", a / b }')")
  echo "pair $pair: -O2 $plain ms, -O2 -march=native $native ms, ratio ${ratios[-1]}"
done
printf '%s\n' "${ratios[@]}" | sort -n | awk '{ r[NR] = $1 } END { printf "ratio of step times: median %s, from %s to %s\n", r[int((NR + 1) / 2)], r[1], r[NR] }'
