/// The version of the library: three numbers, read by CMakeLists.txt too.
#pragma once

#define EIGENGRAD_VERSION_MAJOR 0
#define EIGENGRAD_VERSION_MINOR 1
#define EIGENGRAD_VERSION_PATCH 0
