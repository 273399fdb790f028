#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "fleet/plan_event.hpp"

namespace polymetis::fleet {

/// How a recording's fields are written: whole numbers as 7 bits a byte, signed ones folded (0, -1, 1, -2 ...), texts with their length before
/// them. docs/recording.md describes the file. Thread-bound.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& bytes) : bytes_(bytes) {}
  void operator()(const std::string& text) {
    number(text.size());
    bytes_.append(text);
  }
  void operator()(double value) { number(std::bit_cast<std::uint64_t>(value)); }
  void operator()(Duration value) { folded(value.count()); }
  void operator()(TimePoint value) { folded(value.time_since_epoch().count()); }
  template <class Tag>
  void operator()(Id<Tag> id) {
    number(std::uint64_t{id.value + 1U});
  }
  template <class T>
    requires std::is_unsigned_v<T>
  void operator()(T value) {
    number(value);
  }
  template <class T>
    requires std::is_enum_v<T>
  void operator()(T value) {
    number(static_cast<std::uint64_t>(value));
  }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  void folded(std::int64_t value) { number((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63)); }

 private:
  std::string& bytes_;
};

/// Reads what `FieldWriter` wrote; past the end or malformed: `failed()`, and everything reads as zero. Thread-bound.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}
  void operator()(std::string& text) {
    const std::uint64_t size = number();
    if (size > bytes_.size() - at_) return fail();
    text.assign(bytes_.substr(at_, size));
    at_ += size;
  }
  void operator()(double& value) { value = std::bit_cast<double>(number()); }
  void operator()(Duration& value) { value = Duration(folded()); }
  void operator()(TimePoint& value) { value = TimePoint(Duration(folded())); }
  template <class Tag>
  void operator()(Id<Tag>& id) {
    id.value = static_cast<std::uint32_t>(number() - 1);
  }
  template <class T>
    requires(std::is_unsigned_v<T> || std::is_enum_v<T>)
  void operator()(T& value) {
    value = static_cast<T>(number());
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) break;
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail();
    return 0;
  }
  std::int64_t folded() {
    const std::uint64_t value = number();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }
  [[nodiscard]] bool at_end() const noexcept { return at_ >= bytes_.size(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  void fail() noexcept {
    failed_ = true;
    at_ = bytes_.size();
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace polymetis::fleet
