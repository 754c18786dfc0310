#!/usr/bin/env bash
# All tests from a fresh Debian machine: installs what is missing, builds with g++ and with clang 14 (warnings are
# errors), and runs every test once for each instruction set that the processor has.
#
#   bash tests/run.sh              both compilers
#   bash tests/run.sh release      one preset of CMakePresets.json: release, clang or sanitize
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/common/install.sh

presets=("$@")
[ ${#presets[@]} -gt 0 ] || presets=(release clang)

need_packages "to build the tests" g++ cmake ninja-build libeigen3-dev doctest-dev libcli11-dev nlohmann-json3-dev libstb-dev
for preset in "${presets[@]}"; do
  [ "$preset" != clang ] || need_packages "the second compiler" clang-14 libomp-14-dev
done

for preset in "${presets[@]}"; do
  [ -f "build/$preset/build.ninja" ] || quietly "Configuring $preset" cmake --preset "$preset"
  quietly "Building $preset" cmake --build --preset "$preset"
  quietly "Testing $preset" ctest --preset "$preset" --no-tests=error --output-junit "$PWD/build/$preset/tests.xml"
done

# One line that sums up the runs. What failed has ended the script above; what the processor cannot run is not counted.
passed=0
for preset in "${presets[@]}"; do
  passed=$((passed + $(grep -c '<testcase .*status="run"' "build/$preset/tests.xml")))
done
echo "$passed passed, 0 failed"
