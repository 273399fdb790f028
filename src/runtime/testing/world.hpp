#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/loop_host.hpp"
#include "device/testing/fake_driver.hpp"
#include "polymetis/context.hpp"

namespace polymetis::runtime::testing {

using device::testing::fake_card;
using device::testing::FakeControl;
using device::testing::Outcome;

/// What the next context's fake driver does. The test program's list of drivers has a fake one of real cards, and the virtual one.
struct FakeDrivers {
  static FakeDrivers& get();
  std::shared_ptr<FakeControl> control;
  Status create_status;  ///< of the fake driver's factory
};

/// A folder that goes with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "runtime-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// One input and one output of `bytes`, in frames of `batch`.
inline std::shared_ptr<Model> model_of(std::size_t bytes = 16, std::size_t batch = 1, std::size_t weight_bytes = 1000) {
  auto model = std::make_shared<Model>();
  model->name = "toy";
  model->content_hash = "xxh3-128:00000000000000aa0000000000000000";
  model->batch = batch;
  TensorInfo tensor;
  tensor.shape = {batch, 1, 1, bytes};
  tensor.padding.resize(4);
  tensor.zero_point = -5;
  tensor.name = "in";
  model->inputs = {tensor};
  tensor.name = "out";
  model->outputs = {tensor};
  model->weight_bytes = weight_bytes;
  return model;
}

/// Whether the status's sentence, or that of a cause, holds `text`.
inline bool says(const Status& status, std::string_view text) { return status.to_string().find(text) != std::string::npos; }

/// A context over two fake cards of four cores, in virtual time.
class World : public ::testing::Test {
 protected:
  World() {
    control->devices = {fake_card("metis-0:1:0"), fake_card("metis-0:3:0")};
    FakeDrivers::get() = {control, {}};
  }
  /// What is still to happen happens: what it holds would be lost with the host.
  ~World() override {
    context = {};
    host->run_until_idle();
  }

  [[nodiscard]] ContextOptions options() const { return {.virtual_cards = VirtualCards::never, .run_directory = folder.path(), .host = host}; }
  [[nodiscard]] Context make_context() const {
    auto made = Context::create(options());
    EXPECT_TRUE(made) << (made ? "" : made.error().to_string());
    return made ? *made : Context();
  }
  Connection connect(std::size_t cores = 1, const DeviceSelector& device = {}) const {
    auto made = context.device_connect(device, cores);
    EXPECT_TRUE(made) << (made ? "" : made.error().to_string());
    return made ? *made : Connection();
  }
  static ModelInstance load(const Connection& connection, const Properties& properties = {}, const std::shared_ptr<const Model>& model = model_of()) {
    auto made = connection.load_model_instance(model, properties);
    EXPECT_TRUE(made) << (made ? "" : made.error().to_string());
    return made ? *made : ModelInstance();
  }

  /// One frame with memory of its own.
  struct Frame {
    explicit Frame(std::size_t bytes = 16) : in(bytes), out(bytes, std::byte{99}) {}
    std::vector<std::byte> in, out;
    [[nodiscard]] std::array<Argument, 1> inputs() { return {{{.data = in.data()}}}; }
    [[nodiscard]] std::array<Argument, 1> outputs() { return {{{.data = out.data()}}}; }
    Status run(const ModelInstance& instance, int value, const RunOptions& options = {}) {
      in[0] = static_cast<std::byte>(value);
      return instance.run(inputs(), outputs(), options);
    }
    [[nodiscard]] int result() const { return static_cast<signed char>(out[0]); }
  };

  Folder folder;
  std::shared_ptr<base::LoopHost> host = std::make_shared<base::LoopHost>();
  std::shared_ptr<FakeControl> control = std::make_shared<FakeControl>();
  Context context = (FakeDrivers::get() = {control, {}}, make_context());
};

}  // namespace polymetis::runtime::testing
