// What memory bounds, on data far larger than the caches. Counted is the least that must move: an input once,
// or as often as a result can only be had in passes over it; an output once, as if writing did not read the
// line first.
#include <functional>
#include <memory>

#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/batch_norm.hpp"
#include "eigengrad/kernels/elementwise.hpp"
#include "eigengrad/kernels/optimizer.hpp"
#include "eigengrad/kernels/reduce.hpp"
#include "eigengrad/kernels/softmax.hpp"
#include "machine.hpp"
#include "suite.hpp"

namespace bench {
namespace {

namespace kernels = eigengrad::kernels;
namespace op = eigengrad::kernels::op;

constexpr Index rows = 32'768, columns = 1024;  // 128 MB

Tensor values(const Shape& shape = {rows, columns}, double low = -1, double high = 1) {
  return eigengrad::Rng(1).uniform<float>(shape, low, high);
}

class Memory {
 public:
  explicit Memory(Suite& suite) : suite_(suite) {}

  /// `make` makes the inputs and returns the work on them.
  void add(const std::string& name, double bytes_per_element, double elements,
           std::function<std::function<void()>()> make, bool headline = false) {
    const std::string bytes = std::to_string(static_cast<int>(bytes_per_element));
    suite_.push_back({"memory/" + name + ", " + bytes + " bytes", Limit::bandwidth,
                      bytes_per_element * elements, headline, [make] {
                        return std::vector<Contender>{{"ours", make()}};
                      }});
  }
  void add(const std::string& name, double bytes_per_element, std::function<std::function<void()>()> make) {
    add(name, bytes_per_element, static_cast<double>(rows * columns), std::move(make));
  }

  template <class Op>
  void add_unary(const std::string& name, Op operation, double low = -1) {
    add(name, 8, [=] { return [=, x = values({rows, columns}, low)] { kernels::unary(operation, x); }; });
  }
  template <class Op>
  void add_binary(const std::string& name, Op operation) {
    add(name, 12, [=] {
      return
          [=, x = values(), y = values({rows, columns}, 0)] { kernels::binary("binary", operation, x, y); };
    });
  }

 private:
  Suite& suite_;
};

struct BatchNormCase {
  Tensor x = values({256, 28, 28, 128}), dy = values({256, 28, 28, 128});
  Tensor gamma = Tensor::ones({128}), beta = Tensor::zeros({128});
  kernels::BatchNormForward<float> forward = run();

  kernels::BatchNormForward<float> run() const { return kernels::batch_norm(x, gamma, beta, 1, 1e-5, 0.1); }
  void run_gradient() const {
    kernels::batch_norm_gradient(dy, x, gamma, forward.mean, forward.inverse_std, &beta, 0.1);
  }
};

void add_batch_norm(Memory& memory) {
  const double elements = 256.0 * 28 * 28 * 128;
  memory.add("batch norm, leaky relu", 12, elements, [] {
    const auto c = std::make_shared<const BatchNormCase>();
    return [c] { c->run(); };
  });
  memory.add("batch norm, leaky relu, gradient", 20, elements, [] {
    const auto c = std::make_shared<const BatchNormCase>();
    return [c] { c->run_gradient(); };
  });
}

struct AdamCase {
  Tensor parameter = values(), m = Tensor::zeros({rows, columns}), v = Tensor::ones({rows, columns});
  Tensor gradient = values();

  void run() { kernels::adam_update(parameter, m, v, gradient, {.correction1 = 0.1, .correction2 = 0.001}); }
};

void add_reductions(Memory& memory) {
  memory.add("reading and nothing else", 4, [] { return [reading = Reading(values())] { reading(); }; });
  memory.add("sum of all", 4, [] { return [x = values()] { kernels::sum_all(x); }; });
  memory.add("sum of each row", 4,
             [] { return [x = values()] { kernels::sum(x, std::initializer_list<int>{1}); }; });
  memory.add("sum of each column", 4,
             [] { return [x = values()] { kernels::sum(x, std::initializer_list<int>{0}); }; });
}

}  // namespace

void add_memory(Suite& suite) {
  Memory memory(suite);
  add_batch_norm(memory);
  memory.add_binary("add", op::Add{});
  memory.add_binary("multiply", op::Multiply{});
  memory.add_unary("leaky relu", op::LeakyRelu{0.1});
  memory.add_unary("exp", op::Exp{});
  memory.add_unary("log", op::Log{}, 0.1);
  memory.add_unary("tanh", op::Tanh{});
  memory.add_unary("sigmoid", op::Sigmoid{});
  memory.add("softmax of rows of 1024", 8, [] { return [x = values()] { kernels::softmax(x); }; });
  memory.add_binary("Bernoulli log-probability", op::BernoulliLogProb{});
  add_reductions(memory);
  memory.add(
      "Adam", 28, static_cast<double>(rows * columns),
      [] {
        const auto c = std::make_shared<AdamCase>();
        return [c] { c->run(); };
      },
      true);
}

}  // namespace bench
