/// Scores of a clustering against true classes: best one-to-one matching, mutual information, Rand index,
/// purity.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "eigengrad/core/check.hpp"
#include "eigengrad/core/shape.hpp"

namespace examples {

using eigengrad::Index;

/// A matrix of counts: counts[cluster][class].
using Confusion = std::vector<std::vector<Index>>;

inline Confusion confusion_matrix(std::span<const Index> clusters, std::span<const Index> labels) {
  using eigengrad::check;
  check(clusters.size() == labels.size() && !labels.empty(), "clustering: there are ", clusters.size(),
        " clusters and ", labels.size(), " labels; they must be as many, and at least one");
  check(*std::min_element(clusters.begin(), clusters.end()) >= 0 &&
            *std::min_element(labels.begin(), labels.end()) >= 0,
        "clustering: clusters and labels must not be negative");
  const auto rows = static_cast<std::size_t>(*std::max_element(clusters.begin(), clusters.end())) + 1;
  const auto columns = static_cast<std::size_t>(*std::max_element(labels.begin(), labels.end())) + 1;
  Confusion counts(rows, std::vector<Index>(columns, 0));
  for (std::size_t i = 0; i < labels.size(); ++i)
    ++counts[static_cast<std::size_t>(clusters[i])][static_cast<std::size_t>(labels[i])];
  return counts;
}

/// The one-to-one assignment of rows to columns with the least total cost for a matrix [n, m]: the column of
/// each row, or m for a row without one (n > m); O(max(n, m)^3). Throws where rows differ in length or a cost
/// is not finite. Source: Kuhn, "The Hungarian method", 1955, as shortest augmenting paths with potentials
/// (Jonker and Volgenant 1987).
inline std::vector<std::size_t> assign(const std::vector<std::vector<double>>& cost) {
  const std::size_t rows = cost.size(), columns = rows > 0 ? cost[0].size() : 0;
  for (const auto& row : cost) {
    eigengrad::check(row.size() == columns, "assign: the first row has ", columns, " columns, another one ",
                     row.size(), "; they must be as many");
    for (double value : row)
      eigengrad::check(std::isfinite(value), "assign: a cost is ", value, "; all must be finite");
  }
  const std::size_t n = std::max(rows, columns), none = n;  // made square by free rows or columns
  std::vector<double> row_potential(n, 0), column_potential(n + 1, 0);
  std::vector<std::size_t> row_of(n + 1, none);  // column n is where each search starts
  for (std::size_t row = 0; row < n; ++row) {
    row_of[n] = row;
    std::vector<double> slack(n, std::numeric_limits<double>::infinity());
    std::vector<std::size_t> previous(n, n);
    std::vector<bool> visited(n + 1, false);
    std::size_t column = n;
    do {
      visited[column] = true;
      const std::size_t i = row_of[column];
      std::size_t next = none;
      double step = std::numeric_limits<double>::infinity();
      for (std::size_t j = 0; j < n; ++j) {
        if (visited[j]) continue;
        const double reduced =
            (i < rows && j < columns ? cost[i][j] : 0) - row_potential[i] - column_potential[j];
        if (reduced < slack[j]) slack[j] = reduced, previous[j] = column;
        if (slack[j] < step) step = slack[j], next = j;
      }
      for (std::size_t j = 0; j <= n; ++j)
        if (visited[j])
          row_potential[row_of[j]] += step, column_potential[j] -= step;
        else if (j < n)
          slack[j] -= step;
      column = next;
    } while (row_of[column] != none);
    for (; column != n; column = previous[column]) row_of[column] = row_of[previous[column]];
  }
  std::vector<std::size_t> column_of(rows, columns);
  for (std::size_t j = 0; j < columns; ++j)
    if (row_of[j] < rows) column_of[row_of[j]] = j;
  return column_of;
}

/// Figures of one clustering.
struct ClusteringScores {
  double accuracy = 0;  ///< under the best one-to-one matching of clusters and classes
  double nmi = 0;       ///< mutual information over the mean of the two entropies
  double ari = 0;       ///< adjusted Rand index (Hubert and Arabie 1985)
  double purity = 0;    ///< every cluster counted as its most frequent class: many to one
  Confusion confusion;
  std::vector<Index> matched;  ///< class matched to each cluster, -1 where there is none
};

namespace detail {

inline double entropy_of(const std::vector<double>& counts, double total) {
  double sum = 0;
  for (double count : counts)
    if (count > 0) sum -= count / total * std::log(count / total);
  return sum;
}
inline double pairs(double count) {
  return count * (count - 1) / 2;
}

}  // namespace detail

inline ClusteringScores score_clustering(std::span<const Index> clusters, std::span<const Index> labels) {
  ClusteringScores scores;
  scores.confusion = confusion_matrix(clusters, labels);
  const std::size_t rows = scores.confusion.size(), columns = scores.confusion[0].size();
  const auto total = static_cast<double>(labels.size());

  std::vector<double> row_sums(rows, 0), column_sums(columns, 0);
  std::vector<std::vector<double>> cost(rows, std::vector<double>(columns, 0));
  double mutual = 0, joint_pairs = 0, pure = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      const auto count = static_cast<double>(scores.confusion[i][j]);
      row_sums[i] += count;
      column_sums[j] += count;
      cost[i][j] = -count;
      joint_pairs += detail::pairs(count);
    }
    pure += static_cast<double>(*std::max_element(scores.confusion[i].begin(), scores.confusion[i].end()));
  }
  const std::vector<std::size_t> column_of = assign(cost);
  double matched = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (column_of[i] < columns) matched -= cost[i][column_of[i]];
    scores.matched.push_back(column_of[i] < columns ? static_cast<Index>(column_of[i]) : -1);
    for (std::size_t j = 0; j < columns; ++j) {
      const auto count = static_cast<double>(scores.confusion[i][j]);
      if (count > 0) mutual += count / total * std::log(count * total / (row_sums[i] * column_sums[j]));
    }
  }
  scores.accuracy = matched / total;
  scores.purity = pure / total;
  const double entropies = (detail::entropy_of(row_sums, total) + detail::entropy_of(column_sums, total)) / 2;
  scores.nmi = entropies > 0 ? mutual / entropies : 1;
  double row_pairs = 0, column_pairs = 0;
  for (double sum : row_sums) row_pairs += detail::pairs(sum);
  for (double sum : column_sums) column_pairs += detail::pairs(sum);
  const double expected = total > 1 ? row_pairs * column_pairs / detail::pairs(total) : 0;
  const double largest = (row_pairs + column_pairs) / 2;
  scores.ari = largest == expected ? 1 : (joint_pairs - expected) / (largest - expected);
  return scores;
}

/// Clusters in the order of the classes they are matched to, those without a class last.
inline std::vector<std::size_t> matched_order(const ClusteringScores& scores) {
  std::vector<std::size_t> order(scores.confusion.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto place = [&](std::size_t i) {
    return scores.matched[i] >= 0 ? scores.matched[i] : Index{1} << 32;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
  return order;
}

/// The confusion matrix as text, a row for each cluster.
inline std::string format_confusion(const ClusteringScores& scores) {
  std::string text = "  cluster";
  char cell[32];
  const auto add = [&](const char* format, long long value) {
    std::snprintf(cell, sizeof cell, format, value);
    text += cell;
  };
  for (std::size_t j = 0; j < scores.confusion[0].size(); ++j) add("%6lld", static_cast<long long>(j));
  text += "\n";
  for (std::size_t i : matched_order(scores)) {
    add("%9lld", static_cast<long long>(i));
    for (Index count : scores.confusion[i]) add("%6lld", static_cast<long long>(count));
    text += "\n";
  }
  return text;
}

inline nlohmann::json to_json(const ClusteringScores& scores) {
  return {{"accuracy", scores.accuracy},
          {"nmi", scores.nmi},
          {"ari", scores.ari},
          {"purity", scores.purity},
          {"confusion", scores.confusion},
          {"matched", scores.matched}};
}

}  // namespace examples
