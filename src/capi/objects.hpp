#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "axruntime/axruntime.h"
#include "capi/handle_table.hpp"
#include "polymetis/context.hpp"

namespace polymetis::capi {

/// A code and its sentence, as `axr_last_error` tells them.
struct Error {
  Code code = Code::ok;
  std::string sentence;
};

/// A context, or why there is none; with the last error of its tree and the array that it lends. Thread-safe.
struct ContextObject : Object {
  static constexpr Kind kind_of = Kind::context;
  static constexpr const char* noun = "a context";

  explicit ContextObject(Expected<Context> made) : Object(kind_of), context(std::move(made)) {
    if (!context) last_error_ = {context.error().code(), context.error().to_string()};
  }
  void end() noexcept override {
    if (context) context->release();
  }
  void record(const Error& error) {
    std::lock_guard lock(mutex_);
    last_error_ = error;
  }
  [[nodiscard]] Error last_error() {
    std::lock_guard lock(mutex_);
    return last_error_;
  }
  /// Lends `devices` until the next call; null where there are none. The same devices again leave the array in place.
  axrDeviceInfo* lend(std::vector<axrDeviceInfo> devices);

  Expected<Context> context;  ///< constant but for its release

 private:
  std::mutex mutex_;  // guards all below
  Error last_error_;
  std::vector<axrDeviceInfo> devices_;
};

struct ConnectionObject : Object {
  static constexpr Kind kind_of = Kind::connection;
  static constexpr const char* noun = "a connection";

  explicit ConnectionObject(Connection made) : Object(kind_of), connection(std::move(made)) {}
  void end() noexcept override { connection.release(); }
  Connection connection;
};

struct ModelObject : Object {
  static constexpr Kind kind_of = Kind::model;
  static constexpr const char* noun = "a model";

  explicit ModelObject(std::shared_ptr<const Model> loaded) : Object(kind_of), model(std::move(loaded)) {}
  const std::shared_ptr<const Model> model;
};

struct InstanceObject : Object {
  static constexpr Kind kind_of = Kind::instance;
  static constexpr const char* noun = "a model instance";

  explicit InstanceObject(ModelInstance loaded) : Object(kind_of), instance(std::move(loaded)) {}
  void end() noexcept override { instance.release(); }
  ModelInstance instance;
};

/// Properties, or why the text could not be read: then every call that takes them fails so. Thread-safe.
struct PropertiesObject : Object {
  static constexpr Kind kind_of = Kind::properties;
  static constexpr const char* noun = "properties";

  explicit PropertiesObject(Expected<Properties> read) : Object(kind_of), properties_(std::move(read)) {}
  [[nodiscard]] Expected<Properties> copy() {
    std::lock_guard lock(mutex_);
    return properties_;
  }
  Status set(const char* key, const char* value);
  Status remove(const char* key);

 private:
  std::mutex mutex_;  // guards all below
  Expected<Properties> properties_;
};

}  // namespace polymetis::capi
