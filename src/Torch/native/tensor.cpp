// Tensors themselves: handles, metadata, memory, and the library's global settings.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/item.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "common.h"

using at::Tensor;

namespace ct {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

std::atomic<bool> counting_handles{false};
std::atomic<int64_t> live_handles{0};

}  // namespace ct

namespace {
at::TensorImpl* impl(void* handle) { return static_cast<at::TensorImpl*>(handle); }
const char* text(std::string&& s) { return (ct::last_error() = std::move(s)).c_str(); }
}  // namespace

CT_API const char* ct_last_error() { return ct::last_error().c_str(); }

CT_API void ct_set_last_error(const char* message) { ct::last_error() = message; }
// Starts counting at the first call, so that only differences between two calls mean something.
CT_API int64_t ct_live_handles() {
  ct::counting_handles.store(true);
  return ct::live_handles.load();
}

CT_API void ct_release(void* t) { ct::release(t); }
CT_API void ct_release_many(void** handles, int count) {
  for (int i = 0; i < count; i++) ct::release(handles[i]);
}
CT_API int ct_dim(void* t) { return static_cast<int>(impl(t)->dim()); }
CT_API void ct_sizes(void* t, int64_t* out) {
  for (int64_t size : impl(t)->sizes()) *out++ = size;
}
CT_API int64_t ct_numel(void* t) { return impl(t)->numel(); }
CT_API int ct_dtype(void* t) { return static_cast<int>(c10::typeMetaToScalarType(impl(t)->dtype())); }
CT_API int ct_is_contiguous(void* t) { return impl(t)->is_contiguous(); }
// Type in the low half, index in the high half.
CT_API int64_t ct_device(void* t) {
  const c10::Device device = impl(t)->device();
  return static_cast<uint32_t>(device.type()) | (static_cast<int64_t>(device.index()) << 32);
}

CT_API int ct_data_ptr(void* t, void** out) {
  return ct::guarded(-1, [&] {
    *out = ct::borrow(t).data_ptr();
    return 0;
  });
}

CT_API int ct_item(void* t, CtValue* out) {
  return ct::guarded(-1, [&] {
    const at::Scalar s = ct::borrow(t).item();
    out->len = 0;
    if (s.isBoolean()) {
      out->tag = CT_BOOL, out->u.i = s.toBool();
    } else if (s.isIntegral(/*includeBool=*/false)) {
      out->tag = CT_INT, out->u.i = s.toLong();
    } else {
      out->tag = CT_DOUBLE, out->u.d = s.toDouble();
    }
    return 0;
  });
}

// A tensor over memory that the caller keeps alive and frees.
CT_API void* ct_from_blob(void* data, const int64_t* sizes, int dims, int dtype) {
  return ct::guarded<void*>(nullptr, [&] {
    return ct::give(at::from_blob(data, at::IntArrayRef(sizes, dims), at::TensorOptions(static_cast<at::ScalarType>(dtype))));
  });
}

CT_API int ct_set_num_threads(int n) {
  return ct::guarded(-1, [&] {
    at::set_num_threads(n);
    return 0;
  });
}
CT_API int ct_get_num_threads() { return at::get_num_threads(); }

CT_API const char* ct_version() { return TORCH_VERSION; }
CT_API const char* ct_show_config() {
  return ct::guarded<const char*>(nullptr, [] { return text(at::show_config()); });
}
CT_API const char* ct_parallel_info() {
  return ct::guarded<const char*>(nullptr, [] { return text(at::get_parallel_info()); });
}

CT_API int ct_cuda_device_count() {
  return ct::guarded(0, [] { return at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0; });
}
CT_API int ct_cuda_synchronize(int index) {
  return ct::guarded(-1, [&] {
    at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(index));
    return 0;
  });
}
CT_API int ct_cuda_set_device(int index) {
  return ct::guarded(-1, [&] {
    c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA)
        .setDevice(c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)));
    return 0;
  });
}
