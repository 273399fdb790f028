#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace polymetis::model {

/// XXH3 of 128 bits over pieces that come one after the other. Thread-bound.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(const Xxh3&) = delete;
  Xxh3& operator=(const Xxh3&) = delete;

  void add(const void* data, std::size_t size_bytes) noexcept;
  /// 32 hex digits, of all that was added.
  [[nodiscard]] std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace polymetis::model
