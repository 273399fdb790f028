#include "virtual/behaviour.hpp"

#include <gtest/gtest.h>

#include <set>

namespace polymetis::virtual_card {

namespace {

/// Of device "a".
std::string behaviour(const std::string& text) {
  const auto topology = parse_topology(text, "t.toml", 8);
  EXPECT_TRUE(topology) << topology.error().to_string();
  return topology ? topology->devices.at(0).description.behaviour : "";
}

const std::string card = "[[board]]\nname = 'a'\n";

TEST(Behaviour, OfTheDefaultTopologyIsThatOfAFileThatSaysNothing) {
  EXPECT_EQ(default_topology().devices[0].description.behaviour,
            "compute openvino, timing host, clocks 100 200 400 600 700 800, configure_s 0, cpus all, faults none");
  EXPECT_EQ(behaviour(card), default_topology().devices[1].description.behaviour);
}

TEST(Behaviour, EveryKeyThatChangesItIsSeen) {
  std::set<std::string> seen = {behaviour(card)};
  const std::string fault = card + "[[board.fault]]\nkind = 'slow'\n";
  const std::vector<std::string> texts = {card + "compute = 'none'",
                                          card + "timing = { fps = 10 }",
                                          card + "timing = { fps = 10.5 }",
                                          card + "clocks = [100, 800]",
                                          card + "configure_s = 0.5",
                                          card + "cpus = [0]",
                                          card + "cpus = [1]",
                                          fault,
                                          "seed = 1\n" + fault,
                                          fault + "at = 1",
                                          fault + "at_job = 1",
                                          fault + "jobs = 1",
                                          fault + "probability = 0.5",
                                          fault + "input_starts_with = 'dead'",
                                          fault + "lasts = 0.5",
                                          card + "[[board.fault]]\nkind = 'hang'\nholds = 1",
                                          fault + "factor = 2",
                                          card + "[[board.fault]]\nkind = 'flapping'\nevery = 2",
                                          fault + "[[board.fault]]\nkind = 'slow'",
                                          card + "[[fault]]\nkind = 'hang'",
                                          card + "[[fault]]\nkind = 'lost'"};
  for (const auto& text : texts) EXPECT_TRUE(seen.insert(behaviour(text)).second) << text << "\n" << behaviour(text);
}

TEST(Behaviour, WhatConcernsAnotherDeviceOrNothingIsNotSeen) {
  const auto plain = behaviour(card);
  EXPECT_EQ(behaviour(card + "[[board]]\nname = 'b'\ncompute = 'none'\n[[board.fault]]\nkind = 'hang'"), plain);
  EXPECT_EQ(behaviour("# a comment\nseed = 5\n" + card + "clocks = [800, 700, 600, 400, 200, 100]\ntiming = 'host'\n"), plain);
  EXPECT_EQ(behaviour("[defaults]\ntiming = { fps = 7 }\n" + card), behaviour(card + "timing = { fps = 7.0 }"));
}

TEST(Behaviour, IsShortHoweverLongTheLists) {
  std::string clocks = "clocks = [1";
  for (int i = 2; i <= 10'000; ++i) clocks += ", " + std::to_string(i);
  const auto long_list = behaviour(card + clocks + "]");
  EXPECT_LT(long_list.size(), 500U);
  EXPECT_NE(long_list.find("clocks 10000 ("), std::string::npos) << long_list;
}

}  // namespace

}  // namespace polymetis::virtual_card
