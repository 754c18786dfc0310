/// Sample grids: what each code does to the generated image.
#pragma once

#include <string>

#include "eigengrad/io/image.hpp"
#include "infogan/codes.hpp"
#include "infogan/model.hpp"

namespace infogan {

/// Rows share noise and all codes but one; columns run through that code's values: its classes, or -2 to 2.
class CodeGrids {
 public:
  static constexpr Index rows = 10, continuous_columns = 10;
  static constexpr double widest = 2;

  /// The rows' noise and other codes are drawn once from `seed`, so that grids of one run can be compared.
  CodeGrids(const Codes& codes, const Settings& settings, std::uint64_t seed) : codes_(codes) {
    Rng rng(seed, stream);
    noise_ = settings.noise_distribution == "normal" ? rng.normal<float>({rows, settings.noise}, 0, 1)
                                                     : rng.uniform<float>({rows, settings.noise}, -1, 1);
    latent_.continuous = rng.uniform<float>({rows, codes.continuous_count()}, -1, 1);
    for (std::size_t code = 0; code < codes.categorical_count(); ++code) {
      latent_.category.emplace_back();
      for (Index row = 0; row < rows; ++row) latent_.category.back().push_back(row % codes.classes(code));
    }
  }

  /// The generator's images [rows * columns, S, S, C] for one code, row by row, with running statistics.
  Tensor images(Networks<float>& networks, std::size_t code) const {
    const Index columns = columns_of(code), latent_size = codes_.latent_size();
    Tensor input = Tensor::uninitialized({rows * columns, latent_size});
    for (Index column = 0; column < columns; ++column) {
      const Tensor part = column_input(code, column);
      for (Index row = 0; row < rows; ++row)
        std::copy_n(part.data() + row * latent_size, latent_size,
                    input.mutable_data() + (row * columns + column) * latent_size);
    }
    Tape tape;
    const auto evaluating = tape.pause_recording();
    return networks.generator(tape.constant(input), nn::BatchNormMode::running).value();
  }

  Index columns_of(std::size_t code) const {
    return codes_.is_categorical(code) ? codes_.classes(code) : continuous_columns;
  }

  /// Writes FOLDER/NAME_c1.png, ... one for each code; a GAN without codes gets FOLDER/NAME.png of random
  /// samples.
  void write(Networks<float>& networks, const std::string& folder, const std::string& name) const {
    for (std::size_t code = 0; code < codes_.count(); ++code)
      write_png(folder + "/" + name + "_" + codes_.name(code) + ".png",
                image_grid(images(networks, code), rows, columns_of(code)));
    if (codes_.count() > 0) return;
    Rng rng(0, stream);
    Tape tape;
    const auto evaluating = tape.pause_recording();
    const auto latent = codes_.sample<float>(rows * continuous_columns, rng);
    const Tensor samples =
        networks.generator(tape.constant(latent.input), nn::BatchNormMode::running).value();
    write_png(folder + "/" + name + ".png", image_grid(samples, rows, continuous_columns));
  }

 private:
  Tensor column_input(std::size_t code, Index column) const {
    Latent<float> latent = latent_;
    if (codes_.is_categorical(code)) {
      latent.category[code].assign(rows, column);
    } else {
      const auto j = static_cast<Index>(code - codes_.categorical_count());
      const double value = -widest + 2 * widest * static_cast<double>(column) / (continuous_columns - 1);
      latent.continuous.mutable_matrix().col(j).setConstant(static_cast<float>(value));
    }
    return codes_.assemble(noise_, latent);
  }

  static constexpr std::uint64_t stream = std::uint64_t{2} << 32;
  Codes codes_;
  Tensor noise_;
  Latent<float> latent_;
};

}  // namespace infogan
