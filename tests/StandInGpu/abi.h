// What the stand-in uses of libtorch 2.10, for which no package has headers. Names and layouts are those of its binary interface.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace c10 {
enum class DeviceType : int8_t { CPU, CUDA };
enum class ScalarType : int8_t {};
enum class Layout : int8_t {};
enum class MemoryFormat : int8_t {};
enum class DispatchKey : uint16_t {};

struct Device {
  DeviceType type;
  int8_t index;
};

struct DispatchKeySet {
  uint64_t bits;
};

template <class T>
struct ArrayRef {
  const T* data;
  size_t size;
};

// A std::unique_ptr keeps its deleter in front of its pointer.
struct DataPtr {
  void* data;
  void (*deleter)(void*);
  void* context;
  Device device;
  ~DataPtr() {}
};

struct Allocator;
struct OperatorKernel;
struct OperatorHandle;
struct FunctionSchema;
struct IValue;

struct KernelFunction {
  void* functor = nullptr;
  void* boxed;
  void* unboxed;
  void* symbolic = nullptr;
  void* tokens = nullptr;
  KernelFunction(void* boxed, void* unboxed) : boxed(boxed), unboxed(unboxed) {}
  KernelFunction(const KernelFunction&) = delete;
  ~KernelFunction();
};

struct OperatorName {
  std::string name, overload;
};

// Registrations last as long as the process.
struct RegistrationHandleRAII {
  std::function<void()> end;
  ~RegistrationHandleRAII() { new std::function<void()>(std::move(end)); }
};

namespace impl {
struct CppSignature {
  void* type;
};
struct DeviceGuardImplInterface;
struct DeviceGuardImplRegistrar {
  DeviceGuardImplRegistrar(DeviceType, const DeviceGuardImplInterface*);
};
}

struct Dispatcher {
  static Dispatcher& realSingleton();
  RegistrationHandleRAII registerFallback(DispatchKey, KernelFunction, std::string);
  RegistrationHandleRAII registerImpl(OperatorName, std::optional<DispatchKey>, KernelFunction, std::optional<impl::CppSignature>,
                                      std::unique_ptr<FunctionSchema>, std::string);
};

void SetAllocator(DeviceType, Allocator*, uint8_t);
const char* toString(DispatchKey);
DispatchKeySet getRuntimeDispatchKeySet(DispatchKey);
ScalarType get_default_dtype_as_scalartype();
}

template <>
struct std::default_delete<c10::FunctionSchema> {
  void operator()(c10::FunctionSchema*) const {}
};

namespace at {
struct CUDAHooksInterface;

// A pointer that the stand-in hands on and never releases.
struct TensorBase {
  void* impl;
  ~TensorBase() {}
};
struct Tensor : TensorBase {};

namespace detail {
const CUDAHooksInterface& getCUDAHooks();
TensorBase empty_generic(c10::ArrayRef<long>, c10::Allocator*, c10::DispatchKeySet, c10::ScalarType, std::optional<c10::MemoryFormat>);
TensorBase empty_strided_generic(c10::ArrayRef<long>, c10::ArrayRef<long>, c10::Allocator*, c10::DispatchKeySet, c10::ScalarType);
}

namespace native {
void cpu_fallback(const c10::OperatorHandle&, std::vector<c10::IValue>*, bool, c10::DispatchKey);
Tensor view(const Tensor&, c10::ArrayRef<long>);
Tensor as_strided_tensorimpl(const Tensor&, c10::ArrayRef<long>, c10::ArrayRef<long>, std::optional<long>);
Tensor _reshape_alias(const Tensor&, c10::ArrayRef<long>, c10::ArrayRef<long>);
Tensor unfold(const Tensor&, long, long, long);
const Tensor& resize_(const Tensor&, c10::ArrayRef<long>, std::optional<c10::MemoryFormat>);
}
}

// libtorch's own C interface. A handle is an at::Tensor*; a result other than 0 is an error.
extern "C" {
int aoti_torch_get_dim(const void*, int64_t*);
int aoti_torch_get_sizes(const void*, int64_t**);
int aoti_torch_get_strides(const void*, int64_t**);
int aoti_torch_get_dtype(const void*, int32_t*);
int aoti_torch_get_data_ptr(const void*, void**);
int aoti_torch_get_device_type(const void*, int32_t*);
int aoti_torch_is_defined(const void*, bool*);
int aoti_torch_new_tensor_handle(const void*, void**);
int aoti_torch_delete_tensor_object(void*);
int aoti_torch_copy_(void*, void*, int32_t);
int aoti_torch_create_tensor_from_blob(void*, int64_t, const int64_t*, const int64_t*, int64_t, int32_t, int32_t, int32_t, void**);
}
