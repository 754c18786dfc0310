// Starts of trunk and Q: what they learn, how they are judged, which one goes on.
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/synthetic_digits.hpp"
#include "infogan/starts.hpp"

namespace infogan {

namespace {

const Architecture small_networks{28, 1, {3, 4}, 6, 5};

struct StartsFixture {
  examples::SyntheticDigits digits = examples::synthetic_digits(200, 3);
  Settings settings = make_settings();
  std::vector<std::int32_t> neighbours = examples::nearest_neighbours(digits.images, settings.neighbours);

  static Settings make_settings() {
    Settings settings;
    settings.batch = 20;
    settings.starts = 3;
    settings.learning_rate_start = 1e-2;
    return settings;
  }

  Starts make(Index iterations_per_start) const {
    return {settings, small_networks, digits.images, neighbours, iterations_per_start};
  }
};

std::vector<double> run_all(Starts& starts) {
  std::vector<double> objectives;
  while (starts.iteration() < starts.last_iteration()) objectives.push_back(starts.step());
  return objectives;
}

std::vector<Tensor> all_tensors(Starts::Networks networks) {
  std::vector<Tensor> all;
  for (const auto& item : named_tensors(networks.trunk)) all.push_back(item.value());
  for (const auto& item : named_tensors(networks.q)) all.push_back(item.value());
  return all;
}

bool all_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  bool result = a.size() == b.size();
  for (std::size_t i = 0; result && i < a.size(); ++i) result = (a[i].array() == b[i].array()).all();
  return result;
}

}  // namespace

TEST_CASE("starts: each learns; the one with the lowest objective goes on, whatever comes after it") {
  StartsFixture f;
  Starts three = f.make(30);
  CHECK(three.last_iteration() == 90);
  const auto objectives = run_all(three);
  REQUIRE(three.scores().size() == 3);
  for (std::size_t start = 0; start < 3; ++start) {
    double before = 0, after = 0;
    for (std::size_t i = 0; i < 5; ++i)
      before += objectives[30 * start + i], after += objectives[30 * start + 29 - i];
    CHECK(after < before - 1);
    CHECK(three.scores()[start] >= three.scores()[static_cast<std::size_t>(three.best())]);
    CHECK(three.scores()[start] > -f.settings.balance * std::log(10.0));
  }
  CHECK(three.scores()[0] != three.scores()[1]);
  CHECK(three.scores()[1] != three.scores()[2]);

  // The same starts one by one: a start neither knows how many there are nor which went before.
  std::vector<std::vector<Tensor>> best(4);
  for (const Index count : {1, 2, 3}) {
    f.settings.starts = count;
    Starts some = f.make(30);
    run_all(some);
    for (std::size_t i = 0; i < some.scores().size(); ++i) CHECK(some.scores()[i] == three.scores()[i]);
    best[static_cast<std::size_t>(count)] = all_tensors(some.best_networks());
  }
  CHECK(all_same(best[3], all_tensors(three.best_networks())));
  CHECK(all_same(best[3], best[static_cast<std::size_t>(three.best()) + 1]));

  f.settings.starts = 1;
  f.settings.seed = 1;
  Starts other = f.make(30);
  run_all(other);
  CHECK(other.scores()[0] != three.scores()[0]);
}

TEST_CASE("starts: one that diverges is never the best while another does not") {
  StartsFixture f;
  f.settings.learning_rate_start = 1e6;
  f.settings.starts = 1;
  Starts lost = f.make(30);
  run_all(lost);
  // Batch norm may keep even such weights finite, but then every image is of one class or as good as random.
  CHECK(lost.scores()[0] > -f.settings.balance * std::log(10.0) + 1);
  f.settings.learning_rate_start = 1e300;
  Starts infinite = f.make(3);
  run_all(infinite);
  CHECK(std::isinf(infinite.scores()[0]));
}

TEST_CASE("consistency_at_once: the objective by its definition, batches of an uneven number together") {
  StartsFixture f;
  f.settings.starts = 1;
  Starts starts = f.make(10);
  run_all(starts);
  Starts::Networks networks = starts.best_networks();
  const Codes codes(f.settings);
  std::vector<Index> images(170);
  std::iota(images.begin(), images.end(), Index{7});
  Rng rng(5), again(5);
  const auto partners = examples::partners(images, f.neighbours, f.settings.neighbours, rng);
  const double got = consistency_at_once(networks, codes, 3, f.digits.images, images, partners, rng);

  const auto expected_partners = examples::partners(images, f.neighbours, f.settings.neighbours, again);
  CHECK(std::equal(partners.begin(), partners.end(), expected_partners.begin()));
  Tape tape;
  const auto logits = [&](const Tensor& x) {
    constexpr nn::BatchNormMode mode = nn::BatchNormMode::running;
    return codes.logits(networks.q(networks.trunk(tape.constant(x), mode), mode), 0);
  };
  BasicVarList<float> moved;
  for (const std::size_t begin : {0, 125}) {
    const auto part = std::span<const Index>(partners).subspan(begin, begin == 0 ? 125 : 45);
    moved.push_back(tape.constant(examples::moved_images(f.digits.images.gather(part), {}, again)));
  }
  const Var expected =
      consistency_objective(logits(f.digits.images.gather(images)), logits(concatenate(moved, 0).value()), 3);
  CHECK(got == doctest::Approx(static_cast<double>(expected.item())).epsilon(1e-5));
}

TEST_CASE("partners: the first half themselves, the others one of their neighbours, all in turn") {
  const std::vector<std::int32_t> neighbours = {1, 2, 0, 2, 0, 1};  // of three images
  const std::vector<Index> batch = {2, 0, 1, 2, 0};
  Rng rng(1);
  bool first = false, second = false;
  for (int i = 0; i < 50; ++i) {
    const auto partners = examples::partners(batch, neighbours, 2, rng);
    REQUIRE(partners.size() == 5);
    CHECK(std::equal(batch.begin(), batch.begin() + 3, partners.begin()));
    CHECK((partners[3] == 0 || partners[3] == 1));
    CHECK((partners[4] == 1 || partners[4] == 2));
    (partners[3] == 0 ? first : second) = true;
  }
  CHECK((first && second));
  const auto themselves = examples::partners(batch, {}, 2, rng);
  CHECK(std::equal(batch.begin(), batch.end(), themselves.begin()));
}

}  // namespace infogan
