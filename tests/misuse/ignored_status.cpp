// A run's end must be looked at.
// wrong: nodiscard|unused-result
#include "polymetis/context.hpp"

int frames(const polymetis::ModelInstance& instance) {
#ifdef WRONG
  instance.run({}, {});
  return 1;
#else
  return instance.run({}, {}).ok() ? 1 : 0;
#endif
}
