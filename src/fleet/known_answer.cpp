#include "fleet/known_answer.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace polymetis::fleet {

bool KnownAnswer::is_right(DeviceId device, std::uint64_t answer) {
  if (votes_.empty()) right_ = answer;
  votes_[device] = answer;
  for (const auto& [voter, candidate] : votes_)
    if (count(candidate) > count(right_)) right_ = candidate;
  return answer == right_;
}

std::size_t KnownAnswer::count(std::uint64_t answer) const {
  return static_cast<std::size_t>(std::count_if(votes_.begin(), votes_.end(), [answer](const auto& vote) { return vote.second == answer; }));
}

std::uint64_t digest_of(std::span<const Buffer> outputs) noexcept {
  std::uint64_t digest = 0;
  for (const Buffer& output : outputs) digest = XXH3_64bits_withSeed(output.data, output.size_bytes, digest);
  return digest;
}

void fill_probe(std::span<const Buffer> inputs) noexcept {
  std::uint32_t state = 1;
  for (const Buffer& input : inputs)
    for (std::size_t i = 0; i < input.size_bytes; ++i) input.data[i] = static_cast<std::byte>((state = state * 1664525U + 1013904223U) >> 24);
}

}  // namespace polymetis::fleet
