// A Status does not say whether true is good: it has no truth.
// wrong: could not convert|cannot convert|not contextually convertible
#include "polymetis/status.hpp"

bool good(const polymetis::Status& status) {
#ifdef WRONG
  if (status) return true;
#else
  if (status.ok()) return true;
#endif
  return false;
}
