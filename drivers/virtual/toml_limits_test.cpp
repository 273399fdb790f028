#include "virtual/toml_limits.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>

#include "virtual/topology.hpp"

namespace polymetis::virtual_card {

namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  while (times-- > 0) result += text;
  return result;
}

std::string complaint(const std::string& text) {
  const auto topology = parse_topology(text, "t.toml", 2);
  return topology ? "nothing" : topology.error().to_string();
}

/// On a thread whose stack is as small as a program with many threads may make it.
std::string complaint_on_a_small_stack(std::string text) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread;
  const auto parse = [](void* given) -> void* {
    auto& shared = *static_cast<std::string*>(given);
    shared = complaint(shared);
    return nullptr;
  };
  EXPECT_EQ(::pthread_create(&thread, &attributes, parse, &text), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
  return text;
}

TEST(TomlLimits, AKeyOfTooManyPartsIsRefusedWithItsLine) {
  for (const std::string separator : {".", " .\t", ".'.'.", R"(."\"\\.".)"}) {
    const auto deep = "a" + repeated(separator + "a", 100'000);
    for (const auto& text : {deep + "=1", "[" + deep + "]", "[[" + deep + "]]", "b={" + deep + "=1}", "b='''\n'''\nc=[{d=1," + deep + "=1}]"}) {
      const auto said = complaint(text + "\n");
      const auto* const line = text.find('\n') == std::string::npos ? "line 1" : "line 3";
      EXPECT_NE(said.find(std::string("topology t.toml, ") + line + ": a key has more than 16 parts"), std::string::npos) << said.substr(0, 300);
      EXPECT_LT(said.size(), 300U);
    }
  }
}

TEST(TomlLimits, AKeyOfSixteenPartsIsLookedAt) {
  EXPECT_FALSE(refused_before_parsing("a" + repeated(".a", 15) + " = 1"));
  EXPECT_EQ(refused_before_parsing("a" + repeated(".a", 16) + " = 1")->line, 1U);
  EXPECT_EQ(refused_before_parsing("\n\n[a" + repeated(".a", 16))->line, 3U);
}

TEST(TomlLimits, DotsInTextsCommentsAndNumbersAreNoParts) {
  const auto dots = repeated(".", 100);
  for (const auto& text :
       {"# " + dots, "'" + dots + "' = 1", R"(k = "\")" + dots + "\"", "k = '''\n'" + dots + "'''", R"(k = """x"\""")" + dots + R"(""""")",
        "k = [" + repeated("1.5, ", 30) + "]", R"(k = ['', ""] # )" + dots, "k = '#'\n" + repeated("[k.k]\n", 30)}) {
    EXPECT_FALSE(refused_before_parsing(text + "\n")) << text;
  }
}

TEST(TomlLimits, TextsThatEndAnywhereAreRead) {
  const std::string text = R"(a."b\"" = """ "\""""" # c)";
  for (std::size_t size = 0; size <= text.size(); ++size) EXPECT_FALSE(refused_before_parsing(text.substr(0, size)));
}

TEST(TomlLimits, TheDeepestFileNeedsLittleStack) {
  const auto key = "k" + repeated(".k", 15);
  const auto deepest = complaint_on_a_small_stack("[" + key + "]\n" + repeated(key + "={", 14) + key + "=1" + repeated("}", 14));
  EXPECT_NE(deepest.find("at least one table [[board]]"), std::string::npos) << deepest;
  for (const auto* const opening : {"[", "{k="}) {
    const auto deeper = complaint_on_a_small_stack("k=" + repeated(opening, 10'000));
    EXPECT_NE(deeper.find("maximum nested value depth of 16"), std::string::npos) << deeper;
  }
}

TEST(TomlLimits, AComplaintIsShortHoweverLongTheKey) {
  const auto key = repeated("k", 100'000);
  for (const auto& text : {key + "=1", key + "=1\n" + key + "=1", "[[board]]\nname='a'\n" + key + "=1", "[[board]]\nname='a'\nmemory='" + key + "'",
                           "[" + key + "]\n[" + key + "]"}) {
    EXPECT_LT(complaint(text).size(), 700U) << complaint(text).substr(0, 300);
  }
}

TEST(TomlLimits, WhatIsNotAsciiStandsInCommentsOnly) {
  const std::string greek = "\xce\x94";
  const std::string byte_order_mark = "\xef\xbb\xbf";
  for (const auto& text : {"k." + greek + " = 1", "k" + greek, greek, "'" + greek + "' = 1", "k = \"\"\"\\\n" + greek + "\"\"\"",
                           "k = '''" + greek + "'''", "k = \"" + greek, "k = 1 " + greek, byte_order_mark + "k = 1", std::string("\xff")}) {
    const auto said = complaint("# " + greek + "\n" + text);
    EXPECT_NE(said.find("t.toml, line 2: a character that is not ASCII"), std::string::npos) << said;
  }
  const auto commented = complaint(byte_order_mark + "# " + greek + "\n[[board]] # '" + greek + "\nname = '#' # " + greek);
  EXPECT_NE(commented.find("\"#\" was found"), std::string::npos) << commented;
}

TEST(TomlLimits, ATextThatIsTooLongIsRefused) { EXPECT_NE(complaint("# " + repeated("x", 1 << 20)).find("1048578 bytes"), std::string::npos); }

}  // namespace

}  // namespace polymetis::virtual_card
