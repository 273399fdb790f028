// A function that gives a value cannot end with a plain Status by accident.
// wrong: could not convert|cannot convert|no viable conversion
#include "polymetis/status.hpp"

polymetis::Expected<int> count(const polymetis::Status& status) {
#ifdef WRONG
  return status;
#else
  return polymetis::Unexpected(status);
#endif
}
