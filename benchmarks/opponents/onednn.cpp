#include "opponents/onednn.hpp"

#include <dnnl.hpp>

#include <memory>
#include <string_view>
#include <unordered_map>

namespace bench {
namespace {

using dnnl::memory;

const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}
dnnl::stream& stream() {
  static dnnl::stream s(engine());
  return s;
}

memory::dims strides_of(const memory::dims& dims, std::initializer_list<int> from_outermost) {
  memory::dims strides(dims.size());
  memory::dim step = 1;
  for (auto axis = std::rbegin(from_outermost); axis != std::rend(from_outermost); ++axis) {
    strides[static_cast<std::size_t>(*axis)] = step;
    step *= dims[static_cast<std::size_t>(*axis)];
  }
  return strides;
}

/// A tensor in eigengrad's layout as oneDNN sees it: dimensions in oneDNN's order, strides that say the
/// truth.
memory::desc plain(const memory::dims& dims, std::initializer_list<int> from_outermost) {
  return {dims, memory::data_type::f32, strides_of(dims, from_outermost)};
}
memory::desc plain_images(const Shape& s) {
  return plain({s[0], s[3], s[1], s[2]}, {0, 2, 3, 1});
}
/// [Kh, Kw, Cin, Cout] as [Cout, Cin, Kh, Kw].
memory::desc plain_kernel(const Shape& s) {
  return plain({s[3], s[2], s[0], s[1]}, {2, 3, 1, 0});
}
/// The same for the transposed convolution, whose input has Cout channels: [Cin, Cout, Kh, Kw].
memory::desc plain_transposed_kernel(const Shape& s) {
  return plain({s[2], s[3], s[0], s[1]}, {2, 3, 0, 1});
}

memory::desc any(const memory::desc& desc) {
  return {desc.dims(), memory::data_type::f32, memory::format_tag::any};
}

void reorder(const memory& from, const memory& to) {
  dnnl::reorder(from, to).execute(stream(), const_cast<memory&>(from), const_cast<memory&>(to));
  stream().wait();
}

/// The operands of one primitive by argument number.
class Arguments {
 public:
  void input(int argument, const memory::desc& user, const Tensor& value, const memory::desc& wanted) {
    const memory from(user, engine(), const_cast<float*>(value.data()));
    const memory to(wanted, engine());
    reorder(from, to);
    map_.emplace(argument, to);
  }
  void output(int argument, const memory::desc& wanted) {
    result_ = memory(wanted, engine());
    map_.emplace(argument, result_);
  }
  Tensor result(const memory::desc& user, const Shape& shape) const {
    Tensor value = Tensor::uninitialized(shape);
    reorder(result_, memory(user, engine(), value.mutable_data()));
    return value;
  }
  const std::unordered_map<int, memory>& map() const { return map_; }

 private:
  std::unordered_map<int, memory> map_;
  memory result_;
};

PreparedConvolution prepared(dnnl::primitive primitive, Arguments arguments, const memory::desc& user,
                             const Shape& shape) {
  const auto shared = std::make_shared<Arguments>(std::move(arguments));
  return {[primitive, shared] {
            primitive.execute(stream(), shared->map());
            stream().wait();
          },
          [shared, user, shape] { return shared->result(user, shape); }};
}

/// Strides and both paddings, the far one such that the output has its size.
struct Geometry {
  memory::dims strides, near, far;

  explicit Geometry(const ConvolutionCase& c) {
    const auto& o = c.options;
    strides = {o.stride, o.stride};
    near = {o.padding, o.padding};
    for (int axis : {0, 1})
      far.push_back((c.dy.shape()[axis + 1] - 1) * o.stride + c.w.shape()[axis] - c.x.shape()[axis + 1] -
                    o.padding);
  }
};

}  // namespace

std::optional<PreparedConvolution> onednn_convolution(const ConvolutionCase& c, Algorithm wanted) {
  const Geometry g(c);
  const memory::desc x = plain_images(c.x.shape()), y = plain_images(c.dy.shape()),
                     w = plain_kernel(c.w.shape());
  const bool winograd = wanted == Algorithm::winograd;
  // "auto" takes Winograd's algorithm where oneDNN expects it to be faster.
  const auto algorithm = winograd ? dnnl::algorithm::convolution_auto : dnnl::algorithm::convolution_direct;
  const auto as_wanted = [&](const auto& pd) {
    return !winograd || std::string_view(pd.impl_info_str()).find("wino") != std::string_view::npos;
  };
  Arguments arguments;
  if (c.direction == Direction::transposed) {
    if (winograd) return std::nullopt;
    const memory::desc kernel = plain_transposed_kernel(c.w.shape());
    const dnnl::deconvolution_forward::primitive_desc pd(
        {dnnl::prop_kind::forward_training, dnnl::algorithm::deconvolution_direct, any(y), any(kernel),
         any(x), g.strides, g.near, g.far},
        engine());
    arguments.input(DNNL_ARG_SRC, y, c.dy, pd.src_desc());
    arguments.input(DNNL_ARG_WEIGHTS, kernel, c.w, pd.weights_desc());
    arguments.output(DNNL_ARG_DST, pd.dst_desc());
    return prepared(dnnl::deconvolution_forward(pd), std::move(arguments), x, c.x.shape());
  }
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, any(x), any(w), any(y), g.strides, g.near, g.far},
      engine());
  if (c.direction == Direction::forward) {
    if (!as_wanted(forward)) return std::nullopt;
    arguments.input(DNNL_ARG_SRC, x, c.x, forward.src_desc());
    arguments.input(DNNL_ARG_WEIGHTS, w, c.w, forward.weights_desc());
    arguments.output(DNNL_ARG_DST, forward.dst_desc());
    return prepared(dnnl::convolution_forward(forward), std::move(arguments), y, c.dy.shape());
  }
  if (c.direction == Direction::input_gradient) {
    const dnnl::convolution_backward_data::primitive_desc pd(
        {algorithm, any(x), any(w), any(y), g.strides, g.near, g.far}, engine(), forward);
    if (!as_wanted(pd)) return std::nullopt;
    arguments.input(DNNL_ARG_DIFF_DST, y, c.dy, pd.diff_dst_desc());
    arguments.input(DNNL_ARG_WEIGHTS, w, c.w, pd.weights_desc());
    arguments.output(DNNL_ARG_DIFF_SRC, pd.diff_src_desc());
    return prepared(dnnl::convolution_backward_data(pd), std::move(arguments), x, c.x.shape());
  }
  const dnnl::convolution_backward_weights::primitive_desc pd(
      {algorithm, any(x), any(w), any(y), g.strides, g.near, g.far}, engine(), forward);
  if (!as_wanted(pd)) return std::nullopt;
  arguments.input(DNNL_ARG_SRC, x, c.x, pd.src_desc());
  arguments.input(DNNL_ARG_DIFF_DST, y, c.dy, pd.diff_dst_desc());
  arguments.output(DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc());
  return prepared(dnnl::convolution_backward_weights(pd), std::move(arguments), w, c.w.shape());
}

std::optional<ProductLibrary> onednn_product() {
  const dnnl_version_t* const v = dnnl_version();
  std::string version =
      "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  const auto multiply = [](const ProductShape& s, const float* a, const float* b, float* c) {
    dnnl::sgemm(s.transpose_a ? 'T' : 'N', s.transpose_b ? 'T' : 'N', s.m, s.n, s.k, 1, a, s.lda(), b,
                s.ldb(), 0, c, s.n);
  };
  return ProductLibrary{"onednn", std::move(version), multiply};
}

}  // namespace bench
