#include "common/clustering.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <random>
#include <set>

namespace examples {

namespace {

using Labels = std::vector<Index>;
using Costs = std::vector<std::vector<double>>;

/// Least cost over all assignments of the shorter side's members to different ones of the longer side.
double least_cost(const Costs& cost) {
  const std::size_t rows = cost.size(), columns = cost[0].size(), n = std::max(rows, columns);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  double least = std::numeric_limits<double>::infinity();
  do {
    double total = 0;
    for (std::size_t i = 0; i < rows; ++i) total += order[i] < columns ? cost[i][order[i]] : 0;
    least = std::min(least, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

Labels random_labels(std::mt19937& random, std::size_t count, Index classes) {
  Labels labels(count);
  for (Index& label : labels) label = static_cast<Index>(random() % static_cast<unsigned>(classes));
  return labels;
}

/// Adjusted Rand index by its definition over all pairs of elements.
double ari_of_pairs(const Labels& a, const Labels& b) {
  double both = 0, in_a = 0, in_b = 0, pairs = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const bool same_a = a[i] == a[j], same_b = b[i] == b[j];
      both += same_a && same_b, in_a += same_a, in_b += same_b, pairs += 1;
    }
  const double expected = in_a * in_b / pairs;
  return (both - expected) / ((in_a + in_b) / 2 - expected);
}

}  // namespace

TEST_CASE("assign finds the least cost that any permutation has, for every shape up to 6 x 6") {
  std::mt19937 random(1);
  for (std::size_t rows = 1; rows <= 6; ++rows)
    for (std::size_t columns = 1; columns <= 6; ++columns)
      for (int repeat = 0; repeat < 8; ++repeat) {
        Costs cost(rows, std::vector<double>(columns));
        for (auto& row : cost)  // small integers: many ties
          for (double& value : row) value = static_cast<double>(random() % 7) - 3;
        const auto column_of = assign(cost);
        REQUIRE(column_of.size() == rows);
        std::set<std::size_t> used;
        double total = 0;
        for (std::size_t i = 0; i < rows; ++i)
          if (column_of[i] < columns) total += cost[i][column_of[i]], used.insert(column_of[i]);
        CHECK(used.size() == std::min(rows, columns));
        CHECK(total == least_cost(cost));
      }
  CHECK(assign({}).empty());
}

TEST_CASE("assign refuses costs that are ragged or not finite") {
  CHECK_THROWS_WITH_AS(assign({{1, 2}, {1}}),
                       "assign: the first row has 2 columns, another one 1; they must be as many",
                       eigengrad::Error);
  CHECK_THROWS_WITH_AS(assign({{1, std::nan("")}}), "assign: a cost is nan; all must be finite",
                       eigengrad::Error);
}

TEST_CASE("a perfect clustering under other names scores 1") {
  const auto scores = score_clustering(Labels{2, 2, 0, 0, 1}, Labels{0, 0, 1, 1, 2});
  CHECK(scores.accuracy == 1);
  CHECK(scores.nmi == doctest::Approx(1));
  CHECK(scores.ari == 1);
  CHECK(scores.purity == 1);
  CHECK(scores.matched == Labels{1, 2, 0});
  CHECK(matched_order(scores) == std::vector<std::size_t>{2, 0, 1});
}

TEST_CASE("figures computed by hand") {
  // Clusters {a a}, {b}, {b}: H(cluster) = 1.5 ln 2, H(class) = ln 2 = I, so NMI = 1 / 1.25; one pair of six
  // in both, one in the clusters, two in the classes: ARI = (1 - 1/3) / (1.5 - 1/3).
  const auto scores = score_clustering(Labels{0, 0, 1, 2}, Labels{0, 0, 1, 1});
  CHECK(scores.confusion == Confusion{{2, 0}, {0, 1}, {0, 1}});
  CHECK(scores.accuracy == 0.75);
  CHECK(scores.purity == 1);
  CHECK(scores.nmi == doctest::Approx(0.8).epsilon(1e-12));
  CHECK(scores.ari == doctest::Approx(4.0 / 7).epsilon(1e-12));
  CHECK(std::count(scores.matched.begin(), scores.matched.end(), -1) == 1);
}

TEST_CASE("accuracy needs one cluster per class, purity does not; the greedy matching is not the best") {
  // Cluster 0: 5 of class 0, 4 of class 1; cluster 1: 4 of class 0. Greedy: 5; best: 4 + 4.
  Labels clusters(9, 0), labels(5, 0);
  clusters.insert(clusters.end(), 4, 1);
  labels.insert(labels.end(), 4, 1);
  labels.insert(labels.end(), 4, 0);
  const auto scores = score_clustering(clusters, labels);
  CHECK(scores.accuracy == doctest::Approx(8.0 / 13));
  CHECK(scores.purity == doctest::Approx(9.0 / 13));
  CHECK(scores.matched == Labels{1, 0});
}

TEST_CASE("unused clusters change nothing") {
  const Labels labels = {0, 0, 1, 1, 2, 2}, with_gaps = {9, 9, 4, 4, 4, 7}, without = {2, 2, 0, 0, 0, 1};
  const auto a = score_clustering(with_gaps, labels), b = score_clustering(without, labels);
  CHECK(a.confusion.size() == 10);
  CHECK(a.accuracy == b.accuracy);
  CHECK(a.nmi == b.nmi);
  CHECK(a.ari == b.ari);
  CHECK(a.purity == b.purity);
  CHECK(format_confusion(a).find("nan") == std::string::npos);
}

TEST_CASE("one cluster tells nothing; one cluster of one class, or one image, is perfect") {
  const Labels labels = {0, 1, 2, 2};
  const auto one = score_clustering(Labels(4, 0), labels);
  CHECK(one.accuracy == 0.5);
  CHECK(one.purity == 0.5);
  CHECK(std::abs(one.nmi) < 1e-12);
  CHECK(std::abs(one.ari) < 1e-12);
  for (std::size_t n : {1, 2, 13778}) {  // n: pairs squared are no longer exact in double
    const auto same = score_clustering(Labels(n, 0), Labels(n, 0));
    CHECK(same.nmi == 1);
    CHECK(same.ari == 1);
    CHECK(same.accuracy == 1);
  }
  const auto alone = score_clustering(Labels{0, 1, 2}, Labels{2, 0, 1});
  CHECK(alone.ari == 1);
  CHECK(alone.nmi == doctest::Approx(1));
}

TEST_CASE("random clusterings: ARI over pairs, NMI from probabilities, accuracy over permutations") {
  std::mt19937 random(2);
  for (int repeat = 0; repeat < 20; ++repeat) {
    const Labels clusters = random_labels(random, 150, 5);
    Labels labels = random_labels(random, 150, 4);
    for (std::size_t i = 0; i < 60; ++i) labels[i] = clusters[i] % 4;
    const auto scores = score_clustering(clusters, labels);
    CHECK(scores.ari == doctest::Approx(ari_of_pairs(clusters, labels)).epsilon(1e-10));

    Costs cost(5, std::vector<double>(4));
    double joint = 0, p_cluster[5] = {}, p_class[4] = {}, entropy_cluster = 0, entropy_class = 0;
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 4; ++j) {
        const double p = static_cast<double>(scores.confusion[i][j]) / 150;
        cost[i][j] = -static_cast<double>(scores.confusion[i][j]);
        p_cluster[i] += p, p_class[j] += p;
        joint -= p > 0 ? p * std::log(p) : 0;
      }
    for (double p : p_cluster) entropy_cluster -= p * std::log(p);
    for (double p : p_class) entropy_class -= p * std::log(p);
    const double mutual = entropy_cluster + entropy_class - joint;
    CHECK(scores.nmi == doctest::Approx(2 * mutual / (entropy_cluster + entropy_class)).epsilon(1e-10));
    CHECK(scores.accuracy == doctest::Approx(-least_cost(cost) / 150).epsilon(1e-12));
  }
}

TEST_CASE("clustering errors") {
  CHECK_THROWS_WITH_AS(
      score_clustering(Labels{}, Labels{}),
      "clustering: there are 0 clusters and 0 labels; they must be as many, and at least one",
      eigengrad::Error);
  CHECK_THROWS_AS(score_clustering(Labels{0, 1}, Labels{0}), eigengrad::Error);
  CHECK_THROWS_WITH_AS(score_clustering(Labels{0, -1}, Labels{0, 0}),
                       "clustering: clusters and labels must not be negative", eigengrad::Error);
}

}  // namespace examples
