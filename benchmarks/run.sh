#!/usr/bin/env bash
# Measures eigengrad against the limits of this machine and against other libraries; see --help.
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/common/install.sh

usage() {
  cat <<'EOF'
Usage: bash benchmarks/run.sh [--ours] [--quick] [--filter REGEX] [--threads N] [--help]

Installs what is missing, builds in build/benchmarks, checks that both sides of every comparison compute the same,
times them in turn, and prints one table. The figures are also written to build/benchmarks/benchmarks.json.

  --ours          without opponents: needs neither PyTorch nor other libraries
  --quick         the headline rows only, in less than a minute once it is built
  --filter REGEX  rows whose name, such as "products/nn 2048 x 2048 x 2048", matches
  --threads N     threads of both sides (default: one for each processor)
EOF
}
fail() {
  echo "benchmarks/run.sh: $1 (--help shows the options)" >&2
  exit 2
}

threads=$(nproc)
ours=
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --ours) ours=yes; arguments+=("$1") ;;
    --quick) arguments+=("$1") ;;
    --filter | --threads)
      [ $# -ge 2 ] || fail "$1 needs a value"
      if [ "$1" = --filter ]; then arguments+=("$1" "$2"); else threads=$2; fi
      shift ;;
    --help | -h) usage; exit ;;
    *) fail "unknown option $1" ;;
  esac
  shift
done
[[ $threads =~ ^[1-9][0-9]*$ ]] || fail "--threads is '$threads'; it must be a positive number"

need_packages "to build the benchmarks" g++ cmake ninja-build libeigen3-dev libcli11-dev nlohmann-json3-dev libbenchmark-dev
# libopenblas0-pthread is what apt installs beside PyTorch if nothing else is asked for.
[ -n "$ours" ] || need_packages "the opponents" python3-torch libtorch-dev libopenblas0-pthread libopenblas0-openmp \
  libblis4-openmp libdnnl-dev

# The libraries are looked for anew every time: some may have been installed since.
configure() {
  cmake -S . -B build/benchmarks -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DEIGENGRAD_BENCHMARKS=ON -DEIGENGRAD_TESTS=OFF -DEIGENGRAD_EXAMPLES=OFF
}
build() { configure && cmake --build build/benchmarks; }
quietly "Building the benchmarks" build

# Settings that would slow one side down, or choose for it.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS BLIS_ARCH_TYPE BLIS_NUM_THREADS MKL_NUM_THREADS \
  ATEN_CPU_CAPABILITY EIGENGRAD_INSTRUCTION_SET OMP_WAIT_POLICY GOMP_SPINCOUNT LD_PRELOAD
export OMP_NUM_THREADS=$threads

status=0
build/benchmarks/benchmarks/eigengrad_benchmarks --json build/benchmarks/benchmarks.json "${arguments[@]}" || status=$?
cat <<'EOF'

Times are medians; spread is the width of their middle half; a ratio above 1 says how many times as long the opponent takes.
"of limit" is the rate over this machine's own multiply-adds or bytes per second, measured in turn; convolutions count padded taps.
EOF
exit "$status"
