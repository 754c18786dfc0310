/// The data sets of the examples: MNIST, Fashion-MNIST, a folder of IDX files, or digits drawn by the
/// program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/synthetic_digits.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/io/idx.hpp"

namespace examples {

/// Images [N, H, W, 1] and their labels; for synthetic digits also the slants and stroke widths
/// they were drawn with, which are empty otherwise.
struct ImageDataSet {
  eigengrad::ByteImages images;
  std::vector<eigengrad::Index> labels;
  std::vector<float> slants, widths;
};

struct DataSets {
  ImageDataSet train, test;
};

namespace detail {

/// The file of that name in one of its usual spellings, uncompressed; an empty path when there is none.
inline std::filesystem::path find_idx_file(const std::filesystem::path& folder, const std::string& part,
                                           const std::string& kind) {
  for (const char* separator : {"-", "."}) {
    const std::filesystem::path path = folder / (part + "-" + kind.substr(0, 6) + separator + kind.substr(7));
    if (std::filesystem::is_regular_file(path)) return path;
  }
  return {};
}

inline ImageDataSet load_part(const std::filesystem::path& folder, const std::vector<std::string>& names,
                              const std::string& remedy) {
  for (const std::string& part : names) {
    const auto images = find_idx_file(folder, part, "images-idx3-ubyte");
    const auto labels = find_idx_file(folder, part, "labels-idx1-ubyte");
    if (images.empty() || labels.empty()) continue;
    ImageDataSet data{eigengrad::read_idx_images(images), eigengrad::read_idx_labels(labels), {}, {}};
    eigengrad::check(static_cast<eigengrad::Index>(data.labels.size()) == data.images.count(),
                     "data set: ", images.string(), " has ", data.images.count(), " images, but ",
                     labels.string(), " has ", data.labels.size(), " labels");
    return data;
  }
  eigengrad::fail("data set: ", folder.string(), ": no ", names[0], "-images-idx3-ubyte with ", names[0],
                  "-labels-idx1-ubyte in it", remedy);
}

inline DataSets load_folder(const std::filesystem::path& folder, const std::string& remedy) {
  return {load_part(folder, {"train"}, remedy), load_part(folder, {"t10k", "test"}, remedy)};
}

inline ImageDataSet synthetic_part(eigengrad::Index count, std::uint64_t seed) {
  SyntheticDigits digits = synthetic_digits(count, seed);
  return {std::move(digits.images), std::move(digits.labels), std::move(digits.slants),
          std::move(digits.widths)};
}

/// data/<name> under the current folder where it is there, else in this project.
inline std::filesystem::path default_folder(const std::string& name) {
  const std::filesystem::path here = std::filesystem::path("data") / name;
  if (std::filesystem::is_directory(here)) return here;
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / here;
}

}  // namespace detail

/// Loads a data set: "synthetic" (60,000 and 10,000 digits drawn by the program, always the same), "mnist" or
/// "fashion" (from data_folder/mnist, data_folder/fashion; without a data folder from data/ under the current
/// folder or of this project), or any other name as a folder of uncompressed IDX files with their usual names
/// (train-images-idx3-ubyte or train-images.idx3-ubyte, t10k-... or test-...). Throws, naming the folder and
/// the remedy, when files are missing.
inline DataSets load_data_set(const std::string& name, const std::string& data_folder = "") {
  if (name == "synthetic") return {detail::synthetic_part(60'000, 1), detail::synthetic_part(10'000, 2)};
  if (name == "mnist" || name == "fashion") {
    const auto folder =
        data_folder.empty() ? detail::default_folder(name) : std::filesystem::path(data_folder) / name;
    return detail::load_folder(folder, "; fetch it with: bash examples/common/fetch_data.sh " + name);
  }
  eigengrad::check(std::filesystem::is_directory(name), "data set: ", name,
                   " is no folder; it must be mnist, fashion, synthetic or a folder of IDX files");
  return detail::load_folder(name, "");
}

}  // namespace examples
