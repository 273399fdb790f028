#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

enum class Kind { context, connection, model, instance, properties };

/// A call with `handle` as the object that it works on; the rest of its arguments is good.
struct Call {
  const char* name;
  Kind wants;
  std::function<bool(void* handle)> refuses;  // true: answered as an error
};

Frame in_frame;
Frame out_frame;

const std::vector<Call>& calls() {
  static axrDeviceInfo device = [] {
    axrDeviceInfo info{};
    std::snprintf(info.name, sizeof(info.name), "metis-0:1:0");
    return info;
  }();
  static const axrArgument input = argument(in_frame);
  static const axrArgument output = argument(out_frame);
  static const auto nothing = [](void*, axrResult) {};
  static const auto no_log = [](void*, axrLogLevel, const char*) {};
  static const std::vector<Call> all = {
      {"axr_set_logger", Kind::context,
       [](void* h) {
         axr_set_logger(static_cast<axrContext*>(h), AXR_LOG_INFO, no_log, nullptr);
         return true;
       }},
      {"axr_create_properties", Kind::context, [](void* h) { return axr_create_properties(static_cast<axrContext*>(h), "a=1") == nullptr; }},
      {"axr_list_devices", Kind::context,
       [](void* h) {
         axrDeviceInfo* devices = &device;
         return axr_list_devices(static_cast<axrContext*>(h), &devices) == 0 && devices == nullptr;
       }},
      {"axr_configure_device", Kind::context, [](void* h) { return axr_configure_device(static_cast<axrContext*>(h), &device, nullptr) != 0; }},
      {"axr_device_ready", Kind::context, [](void* h) { return axr_device_ready(static_cast<axrContext*>(h), &device) != 0; }},
      {"axr_read_device_configuration", Kind::context,
       [](void* h) { return axr_read_device_configuration(static_cast<axrContext*>(h), &device) == nullptr; }},
      {"axr_device_connect", Kind::context, [](void* h) { return axr_device_connect(static_cast<axrContext*>(h), nullptr, 1, nullptr) == nullptr; }},
      {"axr_load_model", Kind::context, [](void* h) { return axr_load_model(static_cast<axrContext*>(h), package().c_str()) == nullptr; }},
      {"axr_get_property", Kind::properties, [](void* h) { return axr_get_property(static_cast<axrProperties*>(h), "a") == nullptr; }},
      {"axr_set_property", Kind::properties,
       [](void* h) {
         axr_set_property(static_cast<axrProperties*>(h), "a", "1");
         return true;
       }},
      {"axr_del_property", Kind::properties,
       [](void* h) {
         axr_del_property(static_cast<axrProperties*>(h), "a");
         return true;
       }},
      {"axr_list_properties", Kind::properties, [](void* h) { return axr_list_properties(static_cast<axrProperties*>(h)) == nullptr; }},
      {"axr_num_model_inputs", Kind::model, [](void* h) { return axr_num_model_inputs(static_cast<axrModel*>(h)) == 0; }},
      {"axr_num_model_outputs", Kind::model, [](void* h) { return axr_num_model_outputs(static_cast<axrModel*>(h)) == 0; }},
      {"axr_get_model_input", Kind::model, [](void* h) { return axr_get_model_input(static_cast<axrModel*>(h), 0).ndims == 0; }},
      {"axr_get_model_output", Kind::model, [](void* h) { return axr_get_model_output(static_cast<axrModel*>(h), 0).ndims == 0; }},
      {"axr_get_model_properties", Kind::model, [](void* h) { return axr_get_model_properties(static_cast<axrModel*>(h)) == nullptr; }},
      {"axr_run_model_instance", Kind::instance,
       [](void* h) { return axr_run_model_instance(static_cast<axrModelInstance*>(h), &input, 1, &output, 1) != 0; }},
      {"axr_run_async_model_instance", Kind::instance,
       [](void* h) { return axr_run_async_model_instance(static_cast<axrModelInstance*>(h), &input, 1, &output, 1, nothing, nullptr) != 0; }},
  };
  return all;
}

class CapiMisuse : public CapiRun {
 protected:
  void SetUp() override {
    CapiRun::SetUp();
    properties = axr::to_ptr(axr_create_properties(context.get(), ""));
  }
  [[nodiscard]] std::vector<std::pair<Kind, void*>> handles() const {
    return {{Kind::context, context.get()},
            {Kind::connection, connection.get()},
            {Kind::model, model.get()},
            {Kind::instance, instance.get()},
            {Kind::properties, properties.get()}};
  }
  /// Every call that does not want this kind, or every call at all, refuses `handle`.
  static void expect_refused(void* handle, const char* what) {
    for (const Call& call : calls()) expect_refused(call, handle, what);
  }
  static void expect_refused(const Call& call, void* handle, const char* what) {
    EXPECT_TRUE(call.refuses(handle)) << call.name << " with " << what;
    EXPECT_EQ(error(handle), AXR_ERROR_INVALID_ARGUMENT) << call.name << " with " << what;
    EXPECT_NE(sentence(handle).find(call.name), std::string::npos) << call.name << " with " << what << ": " << sentence(handle);
  }

  axr::ptr<axrProperties> properties;
};

TEST_F(CapiMisuse, NullIsRefused) { expect_refused(nullptr, "NULL"); }

TEST_F(CapiMisuse, GarbageIsRefused) {
  int local = 0;
  const auto of = [](std::uintptr_t value) { return reinterpret_cast<void*>(value); };
  const auto real = reinterpret_cast<std::uintptr_t>(context.get());
  for (void* garbage : {static_cast<void*>(&local), static_cast<void*>(this), of(1), of(~std::uintptr_t{0}), of(real ^ 1), of(real + (1ULL << 24U)),
                        of(real + (0xfffULL << 4U)), of(real | 0xfffffULL << 4U), of(real ^ (1ULL << 48U)), of(real & ~(0xffffffULL << 24U))}) {
    expect_refused(garbage, "garbage");
    EXPECT_EQ(axr_get_context(static_cast<axrObject*>(garbage)), nullptr);
    axr_destroy(static_cast<axrObject*>(garbage));
  }
}

TEST_F(CapiMisuse, AnotherKindIsRefused) {
  for (const auto& [kind, handle] : handles()) {
    for (const Call& call : calls()) {
      if (call.wants != kind) expect_refused(call, handle, "another kind");
    }
  }
  const auto refused = [&](const void* got) {
    EXPECT_EQ(got, nullptr);
    EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
  };
  refused(axr_load_model_instance(reinterpret_cast<axrConnection*>(model.get()), model.get(), nullptr));
  refused(axr_load_model_instance(connection.get(), reinterpret_cast<axrModel*>(connection.get()), nullptr));
  refused(axr_load_model_instance(connection.get(), model.get(), reinterpret_cast<axrProperties*>(model.get())));
  refused(axr_load_model_instance(nullptr, model.get(), nullptr));
  refused(axr_load_model_instance(connection.get(), nullptr, nullptr));
  refused(axr_device_connect(context.get(), nullptr, 1, reinterpret_cast<axrProperties*>(context.get())));
}

TEST_F(CapiMisuse, UseAfterDestroyIsRefused) {
  const auto all = handles();
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    axr_destroy(AXR_OBJECT(it->second));
    expect_refused(it->second, "a destroyed object");
    EXPECT_EQ(axr_get_context(AXR_OBJECT(it->second)), nullptr);
  }
}

TEST_F(CapiMisuse, DestroyTwiceIsAnErrorAndNothingElse) {
  for (const auto& [kind, handle] : handles()) {
    axr_destroy(AXR_OBJECT(handle));
    axr_destroy(AXR_OBJECT(handle));
    EXPECT_EQ(error(handle), AXR_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(sentence(handle).find("axr_destroy"), std::string::npos) << sentence(handle);
  }
  axr_destroy(nullptr);
}

TEST_F(CapiMisuse, ChildrenOfADestroyedContextAreErrors) {
  axr_destroy(AXR_OBJECT(context.get()));
  for (const auto& [kind, handle] : handles()) expect_refused(handle, "a child of a destroyed context");
  EXPECT_EQ(axr_load_model_instance(connection.get(), model.get(), nullptr), nullptr);
}

TEST_F(CapiMisuse, InstancesOfADestroyedConnectionAreErrorsAndItsCoresAreFree) {
  axr_destroy(AXR_OBJECT(connection.get()));
  Frame in{};
  Frame out{};
  EXPECT_EQ(run(in, out), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_num_model_inputs(model.get()), 1U) << "a sibling lives on";
  const auto all_cores = connect(4);
  EXPECT_TRUE(all_cores) << sentence(context.get());
  EXPECT_EQ(devices()[1].in_use, 0) << "on the first card";
}

TEST_F(CapiMisuse, EveryOrderOfDestroyingWorks) {
  std::array<int, 5> order{};
  std::iota(order.begin(), order.end(), 0);
  do {
    const axr::ptr<axrContext> own(axr_create_context());
    axrModel* m = axr_load_model(own.get(), package().c_str());
    axrConnection* c = axr_device_connect(own.get(), nullptr, 1, nullptr);
    axrModelInstance* i = axr_load_model_instance(c, m, nullptr);
    axrProperties* p = axr_get_model_properties(m);
    ASSERT_TRUE(m != nullptr && c != nullptr && i != nullptr && p != nullptr) << sentence(own.get());
    const std::array<const void*, 5> objects = {own.get(), m, c, i, p};
    for (const int which : order) axr_destroy(AXR_OBJECT(objects[static_cast<std::size_t>(which)]));
    for (const void* object : objects) EXPECT_EQ(axr_get_context(AXR_OBJECT(object)), nullptr);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(devices()[1].in_use, 0);
}

TEST_F(CapiMisuse, AHandleIsNeverGivenAgain) {
  std::set<const void*> seen;
  const void* first = nullptr;
  for (int i = 0; i < 20000; ++i) {
    const auto made = axr::to_ptr(axr_create_properties(context.get(), ""));
    if (first == nullptr) first = made.get();
    ASSERT_TRUE(seen.insert(made.get()).second);
  }
  EXPECT_EQ(axr_list_properties(static_cast<const axrProperties*>(first)), nullptr);
}

TEST_F(CapiMisuse, InAForkedChildObjectsAreErrors) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool good = true;
    for (const auto& [kind, handle] : handles()) {
      for (const Call& call : calls()) {
        good = good && call.refuses(handle) && error(handle) == AXR_ERROR_INVALID_ARGUMENT &&
               sentence(handle).find("made before fork") != std::string::npos;
      }
      axr_destroy(AXR_OBJECT(handle));
    }
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  Frame in = frame_of(1);
  Frame out{};
  EXPECT_EQ(run(in, out), AXR_SUCCESS) << "the parent goes on: " << sentence(instance.get());
}

}  // namespace
