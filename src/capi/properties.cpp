#include <string_view>

#include "capi/border.hpp"

using namespace polymetis;
using namespace polymetis::capi;

namespace polymetis::capi {

Status PropertiesObject::set(const char* key, const char* value) {
  if (key == nullptr || value == nullptr) return Status(Code::invalid_argument, "axr_set_property wants a key and a value: NULL was given");
  const std::string_view text(key);
  if (text.empty() || text.find_first_of("=;\n") != std::string_view::npos) {
    return Status(Code::value_error,
                  "axr_set_property: \"" + std::string(text) + "\" cannot be a key: it is empty or has one of '=', ';', newline in it");
  }
  std::lock_guard lock(mutex_);
  if (!properties_) return properties_.error();
  properties_->set(std::string(text), value);
  return {};
}

Status PropertiesObject::remove(const char* key) {
  if (key == nullptr) return Status(Code::invalid_argument, "axr_del_property wants a key: NULL was given");
  std::lock_guard lock(mutex_);
  if (!properties_) return properties_.error();
  properties_->remove(key);
  return {};
}

}  // namespace polymetis::capi

axrProperties* axr_create_properties(axrContext* context, const char* initial) {
  return call<ContextObject>(__func__, context, [&](ContextObject&) {
    auto read = Properties::parse(initial == nullptr ? std::string_view() : std::string_view(initial));
    if (!read) record_failure(handle_of(context), read.error());
    return give<axrProperties>(std::make_shared<PropertiesObject>(std::move(read)), context);
  });
}

const char* axr_get_property(const axrProperties* properties, const char* key) {
  return call<PropertiesObject>(__func__, properties, [&](PropertiesObject& object) -> Expected<const char*> {
    if (key == nullptr) return failure(Code::invalid_argument, "axr_get_property wants a key: NULL was given");
    return object.copy().map([&](const Properties& items) -> const char* {
      const std::string* value = items.get(key);
      return value == nullptr ? nullptr : lend_text(*value);
    });
  });
}

void axr_set_property(axrProperties* properties, const char* key, const char* value) {
  call<PropertiesObject>(__func__, properties, [&](PropertiesObject& object) { return object.set(key, value); });
}

void axr_del_property(axrProperties* properties, const char* key) {
  call<PropertiesObject>(__func__, properties, [&](PropertiesObject& object) { return object.remove(key); });
}

const char* axr_list_properties(const axrProperties* properties) {
  return call<PropertiesObject>(__func__, properties, [&](PropertiesObject& object) {
    return object.copy().map([](const Properties& items) { return lend_text(items.keys()); });
  });
}
