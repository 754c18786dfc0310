#include "common/data_set.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/image_factors.hpp"
#include "io/temporary_folder.hpp"

using namespace eigengrad;

namespace {

Tensor all(const ByteImages& images) {
  return images.slice(0, images.count());
}

bool same_images(const ByteImages& x, const ByteImages& y) {
  const Tensor a = all(x), b = all(y);
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.values().size_bytes()) == 0;
}

/// Ink of an image and its shear: -(covariance of x and y) / (variance of y), with y down.
struct Measured {
  double ink = 0, shear = 0;
};

Measured measure(const float* image) {
  double mass = 0, x_mean = 0, y_mean = 0, xy = 0, yy = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) {
        const double m = image[28 * y + x];
        if (pass == 0)
          mass += m, x_mean += m * x, y_mean += m * y;
        else
          xy += m * (x - x_mean) * (y - y_mean), yy += m * (y - y_mean) * (y - y_mean);
      }
    }
    if (pass == 0) x_mean /= mass, y_mean /= mass;
  }
  return {mass, -xy / yy};
}

/// Four files of a data set with `train` and `test` images of 2 x 3 pixels, the names given by part and
/// separator.
void put_data_set(const TemporaryFolder& folder, const std::string& test_part, const std::string& separator) {
  for (const auto& [part, count] : {std::pair<std::string, std::uint32_t>{"train", 3}, {test_part, 2}}) {
    put_file(folder / (part + "-images" + separator + "idx3-ubyte"),
             idx_bytes({0x803, count, 2, 3},
                       std::vector<unsigned char>(6 * count, static_cast<unsigned char>(count))));
    put_file(
        folder / (part + "-labels" + separator + "idx1-ubyte"),
        idx_bytes({0x801, count}, std::vector<unsigned char>(count, static_cast<unsigned char>(count + 4))));
  }
}

}  // namespace

TEST_CASE("synthetic_digits: same numbers for the same seed and any number of threads") {
  eigengrad::detail::BufferPool::instance().set_poison(true);
  const int threads_before = thread_count();
  const auto first = examples::synthetic_digits(301, 7);
  REQUIRE(first.images.shape() == Shape{301, 28, 28, 1});
  REQUIRE(first.labels.size() == 301);
  const Tensor images = all(first.images);
  CHECK(*std::max_element(images.values().begin(), images.values().end()) == 1);
  CHECK(*std::min_element(images.values().begin(), images.values().end()) == 0);
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const auto again = examples::synthetic_digits(301, 7);
    CHECK(same_images(again.images, first.images));
    CHECK(again.labels == first.labels);
  }
  CHECK_FALSE(same_images(examples::synthetic_digits(301, 8).images, first.images));
  CHECK(examples::synthetic_digits(0, 1).images.shape() == Shape{0, 28, 28, 1});
  CHECK_THROWS_AS(examples::synthetic_digits(-1, 1), Error);
  set_thread_count(threads_before);
  eigengrad::detail::BufferPool::instance().set_poison(false);
}

TEST_CASE("synthetic_digits: the factors told are the ones drawn") {
  const auto digits = examples::synthetic_digits(4000, 9);
  const Tensor images = all(digits.images);
  for (Index digit = 0; digit < 10; ++digit) {
    std::vector<double> slants, shears, widths, inks;
    for (std::size_t i = 0; i < digits.labels.size(); ++i) {
      if (digits.labels[i] != digit) continue;
      const Measured measured = measure(images.data() + 784 * i);
      slants.push_back(digits.slants[i]), shears.push_back(measured.shear);
      widths.push_back(digits.widths[i]), inks.push_back(measured.ink);
    }
    INFO("digit ", digit);
    CHECK(slants.size() > 300);
    CHECK(examples::correlation(slants, shears) > 0.9);
    CHECK(examples::correlation(widths, inks) > 0.9);
  }
  for (float slant : digits.slants) REQUIRE((slant >= -0.4f && slant <= 0.5f));
  for (float width : digits.widths) REQUIRE((width >= 1.5f && width <= 4.0f));
}

TEST_CASE("synthetic_digits: classes are told apart by their nearest neighbour") {
  const auto known = examples::synthetic_digits(1500, 1), asked = examples::synthetic_digits(150, 2);
  const Tensor known_images = all(known.images), asked_images = all(asked.images);
  int right = 0;
  for (std::size_t i = 0; i < asked.labels.size(); ++i) {
    float best = 1e9f;
    Index label = -1;
    for (std::size_t k = 0; k < known.labels.size(); ++k) {
      const float* a = asked_images.data() + 784 * i;
      const float* b = known_images.data() + 784 * k;
      float distance = 0;
      for (int p = 0; p < 784; ++p) distance += (a[p] - b[p]) * (a[p] - b[p]);
      if (distance < best) best = distance, label = known.labels[k];
    }
    right += label == asked.labels[i];
  }
  CHECK(right >= 135);
}

TEST_CASE("load_data_set reads a folder under the usual names") {
  for (const std::string separator : {"-", "."}) {
    for (const std::string test_part : {"t10k", "test"}) {
      const TemporaryFolder folder;
      put_data_set(folder, test_part, separator);
      const examples::DataSets data = examples::load_data_set(folder.path().string());
      CHECK(data.train.images.shape() == Shape{3, 2, 3, 1});
      CHECK(data.test.images.shape() == Shape{2, 2, 3, 1});
      CHECK(all(data.train.images)(2, 1, 2, 0) == 3.0f / 255);
      CHECK(data.train.labels == std::vector<Index>{7, 7, 7});
      CHECK(data.test.labels == std::vector<Index>{6, 6});
      CHECK(data.train.slants.empty());
    }
  }
}

TEST_CASE("load_data_set: mnist and fashion lie in the data folder") {
  const TemporaryFolder folder;
  const std::string data = folder.path().string();
  CHECK_THROWS_WITH_AS(
      examples::load_data_set("mnist", data),
      ("data set: " + data +
       "/mnist: no train-images-idx3-ubyte with train-labels-idx1-ubyte in it; fetch it with: bash "
       "examples/common/fetch_data.sh mnist")
          .c_str(),
      Error);
  CHECK_THROWS_WITH_AS(examples::load_data_set("fashion", data), doctest::Contains("fetch_data.sh fashion"),
                       Error);
  CHECK_THROWS_WITH_AS(
      examples::load_data_set("no-such-set", data),
      "data set: no-such-set is no folder; it must be mnist, fashion, synthetic or a folder of IDX files",
      Error);
}

TEST_CASE("load_data_set: images and labels must agree in number") {
  const TemporaryFolder folder;
  put_data_set(folder, "t10k", "-");
  put_file(folder / "t10k-labels-idx1-ubyte", idx_bytes({0x801, 1}, {0}));
  const std::string path = folder.path().string();
  CHECK_THROWS_WITH_AS(examples::load_data_set(path),
                       ("data set: " + path + "/t10k-images-idx3-ubyte has 2 images, but " + path +
                        "/t10k-labels-idx1-ubyte has 1 labels")
                           .c_str(),
                       Error);
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte");
  CHECK_THROWS_AS(examples::load_data_set(path), Error);
}
