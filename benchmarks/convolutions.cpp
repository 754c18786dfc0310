// Convolutions in all directions against oneDNN in the layouts that it asks for, its reorders not timed: the
// layers of examples/infogan, then a sweep of common ones.
#include <memory>

#include "compare.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/convolution.hpp"
#include "opponents/onednn.hpp"
#include "suite.hpp"

namespace bench {
namespace {

struct Layer {
  Index batch, size, in, out, kernel, stride, padding;

  Index output_size() const { return (size + 2 * padding - kernel) / stride + 1; }
  Shape images() const { return {batch, size, size, in}; }
  Shape weights() const { return {kernel, kernel, in, out}; }
  Shape results() const { return {batch, output_size(), output_size(), out}; }
  /// Taps that fall on the padding are counted.
  double operations() const {
    return 2.0 * static_cast<double>(results().size()) * static_cast<double>(kernel * kernel * in);
  }
  std::string text() const {
    return std::to_string(kernel) + "x" + std::to_string(kernel) + " stride " + std::to_string(stride) +
           ", " + std::to_string(in) + "->" + std::to_string(out) + ", " + std::to_string(batch) + " of " +
           std::to_string(size) + "x" + std::to_string(size);
  }
};

Tensor run(const ConvolutionCase& c) {
  switch (c.direction) {
    case Direction::forward:
      return eigengrad::kernels::conv2d(c.x, c.w, c.options);
    case Direction::weight_gradient:
      return eigengrad::kernels::conv2d_weight_gradient(c.x, c.dy, c.w.shape(), c.options);
    default:
      return eigengrad::kernels::conv2d_input_gradient(c.dy, c.w, c.x.shape(), c.options);
  }
}

std::vector<Contender> prepare(const Layer& layer, Direction direction, bool ours_alone) {
  eigengrad::Rng rng(1);
  const auto c =
      std::make_shared<ConvolutionCase>(ConvolutionCase{direction,
                                                        rng.uniform<float>(layer.images(), -1, 1),
                                                        rng.uniform<float>(layer.weights(), -1, 1),
                                                        rng.uniform<float>(layer.results(), -1, 1),
                                                        {.stride = layer.stride, .padding = layer.padding}});
  std::vector<Contender> contenders{{"ours", [c] { run(*c); }}};
  if (ours_alone) return contenders;
  for (const auto& [name, algorithm] :
       {std::pair("onednn", Algorithm::direct), std::pair("onednn-winograd", Algorithm::winograd)})
    if (const auto opponent = onednn_convolution(*c, algorithm)) {
      opponent->run();
      check_same(name, run(*c), opponent->result());
      contenders.push_back({name, opponent->run});
    }
  return contenders;
}

const char* to_string(Direction direction) {
  switch (direction) {
    case Direction::forward:
      return "forward";
    case Direction::input_gradient:
      return "input gradient";
    case Direction::weight_gradient:
      return "weight gradient";
    default:
      return "forward";
  }
}

class Convolutions {
 public:
  Convolutions(Suite& suite, const Options& options) : suite_(suite), ours_alone_(options.ours) {}

  void add(const std::string& name, const Layer& layer, Direction direction, bool headline = false) {
    suite_.push_back({"convolutions/" + name + " " + to_string(direction), Limit::multiply_adds,
                      layer.operations(), headline,
                      [layer, direction, alone = ours_alone_] { return prepare(layer, direction, alone); }});
  }
  void add_all(const std::string& name, const Layer& layer, bool headline = false) {
    for (Direction d : {Direction::forward, Direction::input_gradient, Direction::weight_gradient})
      add(name, layer, d, headline);
  }

 private:
  Suite& suite_;
  bool ours_alone_;
};

}  // namespace

void add_convolutions(Suite& suite, const Options& options) {
  Convolutions convolutions(suite, options);
  const Layer conv1{128, 28, 1, 64, 4, 2, 1}, conv2{128, 14, 64, 128, 4, 2, 1};
  Layer conv2_of_d = conv2;
  conv2_of_d.batch = 256;
  convolutions.add_all("conv2", conv2, true);
  convolutions.add("upconv1", conv2, Direction::transposed, true);
  convolutions.add_all("conv2, 256 images,", conv2_of_d);
  convolutions.add_all("conv1", conv1);
  convolutions.add("upconv2", conv1, Direction::transposed);

  // batch, size, in, out, kernel, stride, padding
  constexpr Layer sweep[] = {
      {4, 224, 16, 16, 3, 1, 1},   {2, 224, 64, 64, 3, 1, 1},   {8, 112, 32, 64, 3, 1, 1},
      {16, 56, 64, 64, 3, 1, 1},   {16, 28, 128, 128, 3, 1, 1}, {16, 14, 256, 256, 3, 1, 1},
      {32, 7, 512, 512, 3, 1, 1},  {8, 112, 16, 32, 3, 2, 1},   {16, 56, 64, 128, 3, 2, 1},
      {16, 28, 128, 256, 3, 2, 1}, {32, 14, 256, 512, 3, 2, 1}, {16, 28, 32, 64, 5, 1, 2},
      {16, 56, 16, 32, 5, 1, 2},   {32, 14, 64, 64, 5, 1, 2},   {8, 224, 3, 64, 7, 2, 3},
      {16, 56, 64, 256, 1, 1, 0},  {16, 56, 256, 64, 1, 1, 0},  {16, 28, 512, 128, 1, 1, 0},
      {32, 7, 512, 2048, 1, 1, 0}, {16, 56, 256, 512, 1, 2, 0}, {64, 8, 256, 512, 4, 2, 1},
      {32, 8, 256, 512, 5, 2, 2},  {1, 14, 512, 512, 3, 1, 1}};
  for (const Layer& layer : sweep) convolutions.add_all(layer.text(), layer);
}

}  // namespace bench
