/// How a run is judged: L_I and disentanglement on fresh samples, clustering of the test images by argmax
/// q(c_1|x).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/clustering.hpp"
#include "common/data_set.hpp"
#include "common/image_factors.hpp"
#include "infogan/attributes.hpp"
#include "infogan/codes.hpp"
#include "infogan/model.hpp"

namespace infogan {

inline constexpr Index evaluation_batch = 125;  // about as many as are trained on at a time
inline constexpr Index evaluation_samples = 10'000;

/// The data set of that name; throws where its images are not of the size that the networks are made for.
inline examples::DataSets load_images(const std::string& name, const std::string& data_folder) {
  examples::DataSets data = examples::load_data_set(name, data_folder);
  constexpr Index size = Architecture{}.image_size;
  for (const ByteImages* images : {&data.train.images, &data.test.images})
    check(images->shape()[1] == size && images->shape()[2] == size, "data set: ", name,
          ": the networks are for images of 28x28 pixels, these are ", images->shape());
  return data;
}

/// On fresh samples (c, z): L_I per code, and per continuous code the correlation with two factors of the
/// image.
struct GeneratedFigures {
  std::vector<double> information;        ///< nats
  std::vector<double> slant_correlation;  ///< per continuous code; NaN where an image factor is constant
  std::vector<double> stroke_correlation;
  double clamped = 0;      ///< share of log standard deviations held by the clamp
  Index blank_images = 0;  ///< images without ink, left out of the correlations
};

/// Running statistics judge each image by itself; batch statistics are those of evaluation_batch images at a
/// time.
inline GeneratedFigures evaluate_generated(Networks<float>& networks, const Codes& codes,
                                           nn::BatchNormMode mode, std::uint64_t seed) {
  GeneratedFigures figures;
  figures.information.assign(codes.count(), 0);
  std::vector<std::vector<double>> code_values(static_cast<std::size_t>(codes.continuous_count()));
  std::vector<double> slants, strokes;
  Rng rng(seed, std::uint64_t{3} << 32);
  Tape tape;
  const auto evaluating = tape.pause_recording();
  constexpr Index batches = evaluation_samples / evaluation_batch;
  for (Index batch = 0; batch < batches; ++batch) {
    tape.clear();
    const auto latent = codes.sample<float>(evaluation_batch, rng);
    const Var images = networks.generator(tape.constant(latent.input), mode);
    if (codes.count() == 0) break;
    const auto log_q = log_posterior(codes, networks.q(networks.trunk(images, mode), mode), latent);
    const auto batch_information = information(codes, log_q);
    for (std::size_t code = 0; code < codes.count(); ++code)
      figures.information[code] += batch_information[code];
    figures.clamped += log_q.clamped / batches;
    const Shape& shape = images.shape();
    const Index pixels = shape[1] * shape[2] * shape[3];
    for (Index i = 0; i < evaluation_batch; ++i) {
      const auto factors = examples::measure_factors(images.value().data() + i * pixels, shape[1], shape[2]);
      if (!factors) {
        ++figures.blank_images;
        continue;
      }
      slants.push_back(factors->slant);
      strokes.push_back(factors->stroke_width);
      for (std::size_t j = 0; j < code_values.size(); ++j)
        code_values[j].push_back(latent.continuous(i, static_cast<Index>(j)));
    }
  }
  for (double& value : figures.information) value /= batches;
  for (const auto& values : code_values) {
    figures.slant_correlation.push_back(examples::correlation(values, slants));
    figures.stroke_correlation.push_back(examples::correlation(values, strokes));
  }
  return figures;
}

/// Clusters of images: argmax over the logits of the first categorical code.
inline std::vector<Index> cluster(Networks<float>& networks, const Codes& codes, const ByteImages& images,
                                  nn::BatchNormMode mode) {
  std::vector<Index> clusters;
  Tape tape;
  const auto evaluating = tape.pause_recording();
  const Index count = images.count();
  for (Index begin = 0; begin < count; begin += evaluation_batch) {
    tape.clear();
    const Var batch = tape.constant(images.slice(begin, std::min(begin + evaluation_batch, count)));
    const Var q = networks.q(networks.trunk(batch, mode), mode);
    const auto part = kernels::argmax_last(codes.logits(q, 0).value());
    clusters.insert(clusters.end(), part.begin(), part.end());
  }
  return clusters;
}

/// What the correlations of continuous codes cannot well exceed, where generated images are like the data:
/// the test images, each digit's ordered exactly.
struct ExactCode {
  double slant, stroke;
};
inline ExactCode exact_code(const examples::ImageDataSet& test) {
  std::vector<double> slants, strokes;
  std::vector<Index> classes;
  const auto factors = measure_factors(test.images);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (!factors[i]) continue;
    slants.push_back(factors[i]->slant);
    strokes.push_back(factors[i]->stroke_width);
    classes.push_back(test.labels[i]);
  }
  return {examples::exact_code_correlation(slants, classes),
          examples::exact_code_correlation(strokes, classes)};
}

/// Everything under "evaluation" in the report.
struct Evaluation {
  GeneratedFigures generated_running, generated_batch;
  std::optional<examples::ClusteringScores> clustering_running,
      clustering_batch;            ///< without labels or classes: none
  std::optional<ExactCode> exact;  ///< without labels or continuous codes: none
};

inline Evaluation evaluate(Networks<float>& networks, const Codes& codes, const examples::ImageDataSet& test,
                           std::uint64_t seed) {
  using nn::BatchNormMode;
  Evaluation result;
  result.generated_running = evaluate_generated(networks, codes, BatchNormMode::running, seed);
  result.generated_batch = evaluate_generated(networks, codes, BatchNormMode::batch, seed);
  if (test.labels.empty()) return result;
  if (codes.continuous_count() > 0) result.exact = exact_code(test);
  if (codes.categorical_count() == 0) return result;
  const auto scores = [&](BatchNormMode mode) {
    return examples::score_clustering(cluster(networks, codes, test.images, mode), test.labels);
  };
  result.clustering_running = scores(BatchNormMode::running);
  result.clustering_batch = scores(BatchNormMode::batch);
  return result;
}

}  // namespace infogan
