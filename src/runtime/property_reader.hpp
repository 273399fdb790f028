#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "polymetis/properties.hpp"

namespace polymetis::runtime {

/// What a call does with its properties, a function a key: all are looked at before any counts. Thread-bound.
class PropertyReader {
 public:
  /// `call` is named in errors.
  explicit PropertyReader(std::string call) : call_(std::move(call)) {}

  /// "0" or "1"; also "false" and "true".
  void flag(const std::string& key, bool& to);
  /// A decimal number, at least `least` and at most `most`.
  void number(const std::string& key, std::size_t least, std::size_t most, std::size_t& to);
  /// Any value that `read` takes; what it does not take is described by `allowed`.
  void value(const std::string& key, std::string allowed, std::function<bool(const std::string&)> read);

  /// Errors: `invalid_configuration` unknown key; `value_error` bad value.
  [[nodiscard]] Status read(const Properties& properties) const;

 private:
  struct Key {
    std::string allowed;
    std::function<bool(const std::string&)> read;
  };
  std::string call_;
  std::map<std::string, Key> keys_;
};

/// A whole number, decimal unless another base is given; false for anything else.
bool parse_number(const std::string& text, std::size_t& to, int base = 10);

}  // namespace polymetis::runtime
