#pragma once

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"
#include "conformance/test_package.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::testing {

using Row = std::vector<std::byte>;

/// The value, or an exception that says why there is none.
template <class T>
T value_of(Expected<T> expected) {
  if (!expected) throw std::runtime_error(expected.error().to_string());
  return std::move(*expected);
}

/// Over virtual cards only; its files are in `folder`.
inline Context context_over(const TemporaryFolder& folder, const std::string& topology, std::shared_ptr<Host> host) {
  std::ofstream(folder.path() / "topology.toml") << topology;
  return value_of(Context::create({.topology = folder.path() / "topology.toml",
                                   .virtual_cards = VirtualCards::always,
                                   .run_directory = folder.path() / "run",
                                   .host = std::move(host)}));
}

/// A context over a topology of its own, in virtual time unless a host is given, and a small network whose answers are known: each byte of the
/// answer is the input's plus one.
class FleetBed {
 public:
  explicit FleetBed(const std::string& topology, std::shared_ptr<Host> host_ = std::make_shared<base::LoopHost>()) : host(std::move(host_)) {
    context = context_over(folder, topology, host);
    model = value_of(Model::load(write_test_package(folder.path() / "package", network)));
  }
  explicit FleetBed(unsigned cards, const std::string& each = "compute = \"openvino\"\ntiming = { fps = 500 }\n") : FleetBed(cards_of(cards, each)) {}

  static std::string cards_of(unsigned cards, const std::string& each) {
    std::string text;
    for (unsigned c = 0; c < cards; ++c)
      text += fmt::format("[[board]]\nname = \"board{0}\"\n[[board.device]]\nname = \"metis-0:{1}:0\"\n{2}\n", c, c + 1, each);
    return text;
  }
  static Row row(std::uint64_t number) {
    Row bytes(16);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>((number * 7 + i * 3) % 100);
    return bytes;
  }
  /// What a network that adds `add` to each byte makes of it.
  static Row answer(std::uint64_t number, int add = 1) {
    Row bytes = row(number);
    for (auto& byte : bytes) byte = static_cast<std::byte>(std::to_integer<int>(byte) + add);
    return bytes;
  }
  static Expected<std::uint64_t> submit(Stream& stream, std::uint64_t number, const FrameOptions& options = {}) {
    const Row bytes = row(number);
    const std::span<const std::byte> input(bytes);
    return stream.submit(std::span(&input, 1), options);
  }
  static bool is_answer(const Result& result, std::uint64_t number, int add = 1) {
    const Row wanted = answer(number, add);
    return result.ok() && result.outputs().size() == 1 && result.outputs()[0].size() == wanted.size() &&
           std::memcmp(result.outputs()[0].data(), wanted.data(), wanted.size()) == 0;
  }

  TestNetwork network;
  TemporaryFolder folder;
  std::shared_ptr<Host> host;
  Context context;
  std::shared_ptr<const Model> model;
};

}  // namespace polymetis::testing
