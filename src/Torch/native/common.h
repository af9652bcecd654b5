// What every file of the binding shares: values that cross the C boundary, tensor handles and error handling.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "version.h"

#define CT_API extern "C" __attribute__((visibility("default")))

// The tags of CtValue. The C# side (NativeValue.cs) has the same list.
enum CtTag : int32_t {
  CT_NONE = 0,
  CT_TENSOR = 1,
  CT_INT = 2,
  CT_DOUBLE = 3,
  CT_BOOL = 4,
  CT_INTS = 5,
  CT_DOUBLES = 6,
  CT_TENSORS = 7,
  CT_STRING = 8,
  CT_DEVICE = 9,
  CT_GENERATOR = 10,
  CT_BOOLS = 11,
};

// One argument or result. `len` counts list elements and bytes of a string; for a device it is the index.
struct CtValue {
  int32_t tag;
  int32_t len;
  union {
    int64_t i;
    double d;
    void* p;
  } u;
};

namespace ct {

// The text of the calling thread's last error, which ct_last_error returns and ct_set_last_error sets.
std::string& last_error();

// The number of tensor handles that C# holds, counted only while the tests ask for it: it costs an operator some percent.
extern std::atomic<bool> counting_handles;
extern std::atomic<int64_t> live_handles;

inline void count_handles(int64_t change) {
  if (counting_handles.load(std::memory_order_relaxed)) live_handles.fetch_add(change, std::memory_order_relaxed);
}

using TensorPtr = c10::intrusive_ptr<at::TensorImpl, c10::UndefinedTensorImpl>;

// A handle is an owned reference to a TensorImpl; the null handle is the undefined tensor.
inline at::Tensor borrow(void* handle) {
  return handle ? at::Tensor(TensorPtr::unsafe_reclaim_from_nonowning(static_cast<at::TensorImpl*>(handle))) : at::Tensor();
}

inline void* give(at::Tensor&& t) {
  if (!t.defined()) return nullptr;
  count_handles(1);
  return t.unsafeReleaseTensorImpl();
}

inline void release(void* handle) {
  if (!handle) return;
  count_handles(-1);
  TensorPtr::reclaim(static_cast<at::TensorImpl*>(handle));
}

// Runs `body`, turning any exception into the thread's last error and `failed`.
template <class R, class F>
R guarded(R failed, F&& body) noexcept {
  try {
    return body();
  } catch (const c10::Error& e) {
    last_error() = e.what_without_backtrace();
  } catch (const std::exception& e) {
    last_error() = e.what();
  } catch (...) {
    last_error() = "unknown C++ exception";
  }
  return failed;
}

}  // namespace ct
