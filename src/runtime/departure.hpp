#pragma once

#include <memory>

#include "polymetis/host.hpp"

namespace polymetis::runtime {

/// Opens a latch when it is destroyed: as the first member of an object, when all the others are gone. Who waits keeps the latch.
class Departure {
 public:
  Departure() = default;
  ~Departure() { latch_->open(); }
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
  [[nodiscard]] const std::shared_ptr<Latch>& latch() const noexcept { return latch_; }

 private:
  const std::shared_ptr<Latch> latch_ = std::make_shared<Latch>();
};

}  // namespace polymetis::runtime
