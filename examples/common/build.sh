# Sourced by the scripts that run programs: builds them from a fresh machine, in build/demo of this project.
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

# build_programs TARGET...: from the project's root; quiet about what works.
build_programs() {
  need_packages "to build the programs" g++ cmake ninja-build libeigen3-dev libcli11-dev nlohmann-json3-dev libstb-dev
  need_packages "to fetch the data" ca-certificates curl
  if [ ! -f build/demo/build.ninja ]; then
    quietly "Configuring" cmake -S . -B build/demo -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" -DEIGENGRAD_TESTS=OFF
  fi
  quietly "Building $*" cmake --build build/demo --target "$@"
}

# program TARGET: where it lies.
program() { echo "build/demo/examples/${1%_mnist}/$1"; }
