#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "axruntime/axruntime.hpp"

namespace capi_test {

/// A folder of this program, gone at its end.
std::filesystem::path temporary_folder();
/// A small package whose one output is its one input plus one, clipped (int8, 1x4x4x4, one channel of padding).
std::filesystem::path package();
/// The same for a batch of two.
std::filesystem::path package_of_two();

constexpr std::size_t frame_bytes = 64;
using Frame = std::array<std::int8_t, frame_bytes>;

inline axrArgument argument(Frame& frame) { return {frame.data(), 0, 0, 0}; }
/// A frame that differs from another seed's in every element.
Frame frame_of(int seed);
/// What the package's network makes of it.
Frame incremented(const Frame& frame);

inline std::string sentence(const void* object) { return axr_last_error_string(AXR_OBJECT(object)); }
inline axrResult error(const void* object) { return axr_last_error(AXR_OBJECT(object)); }

/// A context with two virtual cards of four cores, in a run directory of this program.
class Capi : public testing::Test {
 protected:
  void SetUp() override;
  [[nodiscard]] axr::ptr<axrModel> load() const;
  [[nodiscard]] axr::ptr<axrConnection> connect(std::size_t cores = 1) const;
  [[nodiscard]] axr::ptr<axrModelInstance> load(axrConnection* connection, axrModel* model, const char* properties = "") const;
  [[nodiscard]] std::vector<axrDeviceInfo> devices() const;

  axr::ptr<axrContext> context;
};

/// As Capi, with one instance on one core.
class CapiRun : public Capi {
 protected:
  void SetUp() override;
  axrResult run(Frame& in, Frame& out) const;

  axr::ptr<axrModel> model;
  axr::ptr<axrConnection> connection;
  axr::ptr<axrModelInstance> instance;
};

/// Sets an environment variable while it lives.
class Environment {
 public:
  Environment(const char* name, const std::string& value);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string before_;
  const bool was_set_;
};

}  // namespace capi_test
