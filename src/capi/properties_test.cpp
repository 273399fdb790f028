#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

class CapiProperties : public Capi {
 protected:
  [[nodiscard]] axr::ptr<axrProperties> make(const char* text) const { return axr::to_ptr(axr_create_properties(context.get(), text)); }
};

TEST_F(CapiProperties, SemicolonAndNewlineSeparate) {
  for (const char* text : {"b=2;a=1", "b=2\na=1\n", " b = 2 ;\n; a=1 ;;", "a=0;b=2;a=1"}) {
    const auto properties = make(text);
    ASSERT_TRUE(properties) << text;
    EXPECT_STREQ(axr_list_properties(properties.get()), "a;b") << text;
    EXPECT_STREQ(axr_get_property(properties.get(), "a"), "1") << text;
    EXPECT_STREQ(axr_get_property(properties.get(), "b"), "2") << text;
  }
}

TEST_F(CapiProperties, NullAndEmptyTextGiveNone) {
  for (const char* text : {static_cast<const char*>(nullptr), "", ";\n"}) {
    const auto properties = make(text);
    ASSERT_TRUE(properties);
    EXPECT_STREQ(axr_list_properties(properties.get()), "");
    EXPECT_EQ(axr_get_property(properties.get(), "a"), nullptr);
  }
  EXPECT_EQ(error(context.get()), AXR_SUCCESS);
}

TEST_F(CapiProperties, SetReplaceAndDelete) {
  const auto properties = make("z=1");
  axr_set_property(properties.get(), "a", "x=y;z");
  axr_set_property(properties.get(), "z", "2");
  EXPECT_STREQ(axr_list_properties(properties.get()), "a;z");
  EXPECT_STREQ(axr_get_property(properties.get(), "a"), "x=y;z");
  EXPECT_STREQ(axr_get_property(properties.get(), "z"), "2");
  axr_del_property(properties.get(), "a");
  axr_del_property(properties.get(), "never set");
  EXPECT_STREQ(axr_list_properties(properties.get()), "z");
  EXPECT_EQ(error(properties.get()), AXR_SUCCESS);
}

TEST_F(CapiProperties, TwoValuesMayStandInOneExpression) {
  const auto properties = make("a=1;b=2");
  const char* a = axr_get_property(properties.get(), "a");
  const char* b = axr_get_property(properties.get(), "b");
  EXPECT_EQ(std::string(a) + b, "12");
}

TEST_F(CapiProperties, WhatCannotBeAKeyIsRefused) {
  const auto properties = make("a=1");
  for (const char* key : {"", "a=b", "a;b", "a\nb"}) {
    axr_set_property(properties.get(), key, "1");
    EXPECT_EQ(error(properties.get()), AXR_ERROR_VALUE_ERROR) << key;
  }
  axr_set_property(properties.get(), nullptr, "1");
  EXPECT_EQ(error(properties.get()), AXR_ERROR_INVALID_ARGUMENT);
  axr_set_property(properties.get(), "a", nullptr);
  axr_del_property(properties.get(), nullptr);
  EXPECT_EQ(axr_get_property(properties.get(), nullptr), nullptr);
  EXPECT_STREQ(axr_list_properties(properties.get()), "a");
}

TEST_F(CapiProperties, ATextThatCannotBeReadStopsWhoeverTakesIt) {
  const auto properties = make("num_sub_devices");
  ASSERT_TRUE(properties) << "never NULL";
  EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR);
  EXPECT_NE(sentence(context.get()).find("num_sub_devices"), std::string::npos) << sentence(context.get());
  EXPECT_EQ(axr_list_properties(properties.get()), nullptr);
  EXPECT_EQ(axr_device_connect(context.get(), nullptr, 1, properties.get()), nullptr);
  EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR);
}

TEST_F(CapiProperties, CallsCopyThem) {
  const auto devices_before = devices();
  ASSERT_FALSE(devices_before.empty());
  auto properties = make("clock_profile=400");
  ASSERT_EQ(axr_configure_device(context.get(), &devices_before[0], properties.get()), AXR_SUCCESS) << sentence(context.get());
  properties.reset();
  const auto configuration = axr::to_ptr(axr_read_device_configuration(context.get(), &devices_before[0]));
  ASSERT_TRUE(configuration) << sentence(context.get());
  EXPECT_STREQ(axr_get_property(configuration.get(), "clock_profile_core_0"), "400");
}

}  // namespace
