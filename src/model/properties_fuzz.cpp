// Property strings: any text gives properties that read back as they were, or a sentence.

#include "base/fuzz_seeds.hpp"
#include "polymetis/properties.hpp"

using namespace polymetis;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Properties& properties, char separator) {
  std::string text;
  for (const auto& [key, value] : properties.items()) {
    require(!key.empty() && key.find('=') == std::string::npos);
    require((key + value).find_first_of(std::string_view(";\n\0", 3)) == std::string::npos);
    text.append(key).append(" = ").append(value) += separator;
  }
  const auto again = Properties::parse(text);
  require(text.size() > (1 << 20) || (again && again->items() == properties.items()));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const std::string seeds[] = {"num_sub_devices=4;double_buffer=1", "clock_profile=800\nmvm_utilisation_core_0=50\n", " a = b=c ;;\n", "key"};
  base::write_fuzz_seeds(seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto properties = Properties::parse({reinterpret_cast<const char*>(data), size});
  if (properties) {
    check(*properties, ';');
    check(*properties, '\n');
  } else {
    require(properties.error().code() == Code::value_error && !properties.error().message().empty());
  }
  return 0;
}
