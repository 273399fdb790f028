// An axr::ptr has one owner.
// wrong: deleted function
#include "axruntime/axruntime.hpp"

axr::ptr<axrModel> take(axr::ptr<axrModel>& model) {
#ifdef WRONG
  return axr::ptr<axrModel>(model);
#else
  return axr::ptr<axrModel>(std::move(model));
#endif
}
