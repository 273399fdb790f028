// An axr::ptr does not change what it points to.
// wrong: no matching|conversion|no viable
#include "axruntime/axruntime.hpp"

axr::ptr<axrModel> take(axr::ptr<axrContext> context) {
#ifdef WRONG
  return axr::ptr<axrModel>(std::move(context));
#else
  return axr::to_ptr(axr_load_model(context.get(), "model.json"));
#endif
}
