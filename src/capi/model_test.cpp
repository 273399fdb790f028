#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

using CapiModel = Capi;

TEST_F(CapiModel, TensorsAreTold) {
  const auto model = load();
  ASSERT_TRUE(model) << sentence(context.get());
  EXPECT_EQ(axr_num_model_inputs(model.get()), 1U);
  EXPECT_EQ(axr_num_model_outputs(model.get()), 1U);
  for (const axrTensorInfo& info : {axr_get_model_input(model.get(), 0), axr_get_model_output(model.get(), 0)}) {
    ASSERT_EQ(info.ndims, 4U);
    EXPECT_EQ(info.dims[0], 1U);
    EXPECT_EQ(info.dims[3], 4U);
    EXPECT_EQ(info.bits, 8U);
    EXPECT_EQ(info.type, static_cast<size_t>(AXR_SIGNED));
    EXPECT_EQ(info.padding[3][0], 0U);
    EXPECT_EQ(info.padding[3][1], 1U);
    EXPECT_EQ(info.scale, 0.5);
    EXPECT_EQ(info.zero_point, -1);
    EXPECT_EQ(axr_tensor_size(&info), frame_bytes);
  }
  EXPECT_STRNE(axr_get_model_input(model.get(), 0).name, axr_get_model_output(model.get(), 0).name);
}

TEST_F(CapiModel, OutOfRangeHasNoDimensions) {
  const auto model = load();
  EXPECT_EQ(axr_get_model_input(model.get(), 1).ndims, 0U);
  EXPECT_EQ(error(model.get()), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_get_model_output(model.get(), static_cast<size_t>(-1)).ndims, 0U);
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_NE(sentence(context.get()).find("axr_get_model_output"), std::string::npos) << sentence(context.get());
}

TEST_F(CapiModel, ADirectoryAndItsModelJsonAreTheSame) {
  EXPECT_TRUE(axr::to_ptr(axr_load_model(context.get(), package().c_str()))) << sentence(context.get());
  EXPECT_TRUE(axr::to_ptr(axr_load_model(context.get(), (package() / "model.json").c_str()))) << sentence(context.get());
}

TEST_F(CapiModel, WhatIsNoPackageIsRefused) {
  for (const char* path : {"/no/such/package/model.json", "/", "", "/dev/null"}) {
    EXPECT_EQ(axr_load_model(context.get(), path), nullptr) << path;
    EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR) << path << ": " << sentence(context.get());
  }
  EXPECT_EQ(axr_load_model(context.get(), nullptr), nullptr);
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
}

TEST_F(CapiModel, PropertiesNameTheGraphsBesideIt) {
  const auto model = load();
  auto properties = axr::to_ptr(axr_get_model_properties(model.get()));
  ASSERT_TRUE(properties);
  EXPECT_STREQ(axr_list_properties(properties.get()), "input_tensor_layout;postamble_graph;preamble_graph");
  EXPECT_STREQ(axr_get_property(properties.get(), "input_tensor_layout"), "NHWC");
  EXPECT_STREQ(axr_get_property(properties.get(), "preamble_graph"), "");
  axr_set_property(properties.get(), "input_tensor_layout", "NCHW");
  const auto again = axr::to_ptr(axr_get_model_properties(model.get()));
  EXPECT_STREQ(axr_get_property(again.get(), "input_tensor_layout"), "NHWC");
  properties.reset();
  EXPECT_STREQ(axr_get_property(again.get(), "preamble_graph"), "") << "another's end does not matter";
}

}  // namespace
