// A connection that nobody keeps is released at once.
// wrong: nodiscard|unused-result
#include "polymetis/context.hpp"

bool connect(const polymetis::Context& context) {
#ifdef WRONG
  context.device_connect();
  return true;
#else
  const auto connection = context.device_connect();
  return connection.has_value();
#endif
}
