// One whole InfoGAN step of a small network in double against PyTorch; golden/make_golden.py made the values.
#include <doctest/doctest.h>

#include <string>

#include "eigengrad/autodiff/gradcheck.hpp"
#include "eigengrad/io/safetensors.hpp"
#include "infogan/trainer.hpp"

namespace infogan {

namespace {

const std::string golden_path = std::string(EIGENGRAD_TEST_DATA) + "/infogan_step.safetensors";

/// Largest difference relative to the largest golden value.
double error(const BasicTensor<double>& got, const BasicTensor<double>& expected) {
  REQUIRE(got.shape() == expected.shape());
  double largest = 0, difference = 0;
  for (Index i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::abs(expected.data()[i]));
    const double d = std::abs(got.data()[i] - expected.data()[i]);
    if (!(d <= difference)) difference = d;  // keeps a NaN
    if (std::isnan(d)) break;
  }
  return difference / std::max(largest, 1e-12);
}

struct Fixture {
  SafetensorsFile golden = load_safetensors(golden_path);
  Settings settings = make_settings();
  Codes codes{settings};
  Rng rng{1};
  Networks<double> networks{{8, 1, {3, 4}, 6, 5}, codes.latent_size(), codes.outputs(), rng};
  BasicTape<double> tape;
  Latent<double> latent;

  static Settings make_settings() {
    Settings settings = paper_settings();
    settings.categorical = {3};
    settings.noise = 4;
    return settings;
  }

  Fixture() {
    for (const auto& item : named_parameters(networks)) item.assign(value("parameter." + item.name()));
    const auto categories = golden.get<std::int64_t>("category");
    latent.category.emplace_back(categories.begin(), categories.end());
    latent.continuous = value("continuous");
    latent.input = codes.assemble(value("noise"), latent);
  }

  BasicTensor<double> value(const std::string& name) const { return golden.get<double>(name); }

  template <class Module>
  void check_gradients(const std::string& step, const std::string& prefix, Module& module,
                       BasicVar<double> loss) {
    const auto named = named_parameters(module);
    const auto gradients = tape.gradient(loss, parameters(module));
    for (std::size_t i = 0; i < named.size(); ++i) {
      CAPTURE(prefix + named[i].name());
      CHECK(error(gradients[i], value(step + "." + prefix + named[i].name())) < 1e-10);
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "InfoGAN against PyTorch: the latent input and the generated images") {
  CHECK(error(latent.input, value("latent")) == 0);
  const auto fake = networks.generator(tape.constant(latent.input), nn::BatchNormMode::batch);
  CHECK(error(fake.value(), value("fake")) < 1e-12);
}

TEST_CASE_FIXTURE(Fixture, "InfoGAN against PyTorch: the D step and its Adam update") {
  const auto images = concatenate({tape.constant(value("real")), tape.constant(value("fake"))}, 0);
  const auto features = networks.trunk(images, nn::BatchNormMode::batch, 2);
  const auto logits = networks.discriminator(features);
  const auto q = networks.q(slice(features, 0, 5, 10), nn::BatchNormMode::batch);
  CHECK(error(slice(logits, 0, 0, 5).value(), value("real_logit")) < 1e-12);
  CHECK(error(q.value(), value("q")) < 1e-12);

  const auto loss_d = discriminator_objective(slice(logits, 0, 0, 5), slice(logits, 0, 5, 10));
  const auto loss_q = code_objective(lambda_log_q(codes, log_posterior(codes, q, latent)));
  CHECK(error(loss_d.value(), value("loss_d")) < 1e-12);
  CHECK(error(loss_q.value(), value("loss_q")) < 1e-12);
  check_gradients("d_step", "trunk.", networks.trunk, loss_d + loss_q);
  check_gradients("d_step", "discriminator.", networks.discriminator, loss_d + loss_q);
  check_gradients("d_step", "q.", networks.q, loss_d + loss_q);

  BasicAdam<double> adam(parameters(networks.trunk, networks.discriminator, networks.q),
                         {.learning_rate = 2e-4, .beta1 = 0.5});
  adam.step(tape.gradient(loss_d + loss_q, adam.parameters()));
  for (const auto& item : named_parameters(networks)) {
    if (item.name().starts_with("generator")) continue;
    CAPTURE(item.name());
    CHECK(error(item.value(), value("d_adam." + item.name())) < 1e-9);
  }
}

TEST_CASE_FIXTURE(Fixture, "InfoGAN against PyTorch: the G step with both losses") {
  const auto fake = networks.generator(tape.constant(latent.input), nn::BatchNormMode::batch);
  const auto features = networks.trunk(fake, nn::BatchNormMode::batch);
  const auto logits = networks.discriminator(features);
  const auto log_q = log_posterior(codes, networks.q(features, nn::BatchNormMode::batch), latent);
  const auto weighted = lambda_log_q(codes, log_q);
  const auto loss = generator_objective(false, logits, weighted);
  const auto saturating = generator_objective(true, logits, weighted);
  CHECK(error((loss + weighted).value(), value("loss_g")) < 1e-12);
  CHECK(error((saturating + weighted).value(), value("loss_g_saturating")) < 1e-12);
  check_gradients("g_step", "generator.", networks.generator, loss);
  check_gradients("g_step_saturating", "generator.", networks.generator, saturating);
}

TEST_CASE("at D = 1/2 the losses are 2 ln 2, ln 2 and -ln 2") {
  BasicTape<double> tape;
  const auto logit = tape.variable(BasicTensor<double>::zeros({4, 1}));
  const auto none = tape.constant(BasicTensor<double>::scalar(0));
  CHECK(discriminator_objective(logit, logit).item() == doctest::Approx(1.3863).epsilon(1e-4));
  CHECK(generator_objective(false, logit, none).item() == doctest::Approx(0.6931).epsilon(1e-4));
  CHECK(generator_objective(true, logit, none).item() == doctest::Approx(-0.6931).epsilon(1e-4));
}

TEST_CASE("Q's head alone learns the codes when the trunk belongs to D") {
  Settings settings = paper_settings();
  settings.trunk_trained_by = "discriminator";
  settings.batch = 4;
  const Architecture small{8, 1, {3, 4}, 6, 5};
  Settings both = settings;
  both.trunk_trained_by = "both";
  Trainer<double> one(settings, small), two(both, small);
  const auto real = Rng(3).uniform<double>({4, 8, 8, 1}, 0, 1);
  one.step(real);
  two.step(real);
  const auto differs = [](auto& a, auto& b) {
    const auto left = named_parameters(a), right = named_parameters(b);
    double difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i)
      difference =
          std::max(difference, (left[i].value().array() - right[i].value().array()).abs().maxCoeff());
    return difference > 0;
  };
  CHECK(differs(one.networks().trunk, two.networks().trunk));
  CHECK_FALSE(differs(one.networks().q, two.networks().q));
}

/// Images of random strokes, as bytes and as what trainers take.
struct SmallImages {
  eigengrad::ByteImages bytes{{16, 8, 8, 1}, random_bytes()};
  BasicTensor<double> real = as_double(bytes.slice(0, 16));

  static std::vector<std::uint8_t> random_bytes() {
    const auto random = Rng(3).uniform<double>({16 * 8 * 8}, 0, 256);
    std::vector<std::uint8_t> bytes;
    for (const double value : random.values()) bytes.push_back(static_cast<std::uint8_t>(value));
    return bytes;
  }
  static BasicTensor<double> as_double(const Tensor& images) {
    auto result = BasicTensor<double>::uninitialized(images.shape());
    std::copy(images.values().begin(), images.values().end(), result.mutable_data());
    return result;
  }
};

TEST_CASE("the paper's step draws what it always drew; objectives on real images draw moves and train Q") {
  Settings paper = paper_settings(), beyond;
  paper.batch = beyond.batch = 16;
  const Architecture small{8, 1, {3, 4}, 6, 5};
  Trainer<double> one(paper, small), two(beyond, small);
  const SmallImages images;
  two.set_attributes({images.bytes, beyond.attribute_count()});
  const StepFigures plain = one.step(images.real), asked = two.step(images.real);
  CHECK(plain.consistency == 0);
  CHECK(plain.attributes == 0);
  CHECK(asked.consistency >= -beyond.balance * std::log(10.0));
  CHECK(asked.consistency < 0.1);
  CHECK(asked.attributes > 0);
  CHECK(one.rng().state().block < two.rng().state().block);
  const auto left = named_parameters(one.networks().q), right = named_parameters(two.networks().q);
  for (std::size_t i = 0; i < left.size(); ++i)
    if (left[i].name() == "out.weight") CHECK((left[i].value().array() != right[i].value().array()).any());
}

TEST_CASE("attributes alone: what Q reads off images comes near to what is measured") {
  Settings settings = paper_settings();
  settings.attributes = 1;
  settings.categorical.clear();
  settings.lambda_continuous = 0;
  settings.learning_rate_d = settings.learning_rate_q = 1e-2;
  settings.learning_rate_g = 0;
  const Architecture small{8, 1, {3, 4}, 6, 5};
  Trainer<double> trainer(settings, small);
  const SmallImages images;
  trainer.set_attributes({images.bytes, settings.attribute_count()});
  const double before = trainer.step(images.real).attributes;
  double after = before;
  for (int i = 0; i < 200; ++i) after = trainer.step(images.real).attributes;
  CHECK(after < before - 1);
}

TEST_CASE("measured codes are learnt from what is measured, whatever G was asked for") {
  Settings settings = paper_settings();
  settings.attributes = 1;
  settings.categorical.clear();
  settings.learning_rate_g = 0;
  const Architecture small{8, 1, {3, 4}, 6, 5};
  const SmallImages images;
  const auto q_head = [&](Index codes, double lambda) {
    settings.continuous = codes;
    settings.lambda_continuous = lambda;
    Trainer<double> trainer(settings, small);
    trainer.set_attributes({images.bytes, settings.attribute_count()});
    for (int i = 0; i < 3; ++i) trainer.step(images.real);
    return named_parameters(trainer.networks().q).back().value();
  };
  CHECK((q_head(2, 0.1).array() == q_head(2, 5).array()).all());
  CHECK((q_head(3, 0.1).array() != q_head(3, 5).array()).any());  // the third is not measured
}

TEST_CASE("without codes there is nothing to be consistent or to be measured") {
  Settings settings;
  settings.categorical.clear();
  settings.continuous = 0;
  const Architecture small{8, 1, {3, 4}, 6, 5};
  Trainer<double> trainer(settings, small);
  const StepFigures figures = trainer.step(Rng(3).uniform<double>({4, 8, 8, 1}, 0, 1));
  CHECK(figures.consistency == 0);
  CHECK(figures.attributes == 0);
  CHECK(settings.attribute_count() == 0);
  CHECK_FALSE(settings.uses_neighbours(0));
}

}  // namespace infogan
