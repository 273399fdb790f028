// A user's program of the C++ API.
#include <array>
#include <cstdio>
#include <polymetis/context.hpp>

namespace {

int failed(const char* what, const polymetis::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.to_string().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto context = polymetis::Context::create();
  if (!context) return failed("create", context.error());
  const auto model = context->load_model(argv[1]);
  if (!model) return failed("load_model", model.error());
  const auto connection = context->device_connect();
  if (!connection) return failed("device_connect", connection.error());
  const auto instance = connection->load_model_instance(*model);
  if (!instance) return failed("load_model_instance", instance.error());

  std::vector<signed char> in((*model)->inputs[0].size_bytes(), 5), out((*model)->outputs[0].size_bytes());
  const polymetis::Argument input{.data = in.data()}, output{.data = out.data()};
  if (const auto status = instance->run({&input, 1}, {&output, 1}); !status.ok()) return failed("run", status);
  const auto refused = instance->run({}, {&output, 1});
  if (refused.code() != polymetis::Code::invalid_argument) return failed("count", refused);
  std::printf("run: %d\ndone\n", out[0]);
  return 0;
}
