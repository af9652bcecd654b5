// The operators of the GPU. Those that make, copy or view memory are here; all others run on the CPU.
#include "device.h"

#include <cstring>
#include <stdexcept>

using namespace c10;
using at::Tensor;

namespace standin {
namespace {

DispatchKey s_cpu;
DispatchKeySet s_keys;

void check(int error) {
  if (error) throw std::runtime_error("libtorch rejected a call of the stand-in for a GPU");
}

DispatchKey key(const char* name) {
  for (uint16_t i = 0; i < 400; i++)
    if (!std::strcmp(toString(DispatchKey{i}), name)) return DispatchKey{i};
  throw std::runtime_error(std::string("libtorch has no dispatch key ") + name);
}

// A tensor's memory, as a tensor of the CPU.
struct OnHost {
  void* handle;

  explicit OnHost(const Tensor& tensor) {
    int64_t dims, *sizes, *strides;
    int32_t type;
    void* data;
    check(aoti_torch_get_dim(&tensor, &dims));
    check(aoti_torch_get_sizes(&tensor, &sizes));
    check(aoti_torch_get_strides(&tensor, &strides));
    check(aoti_torch_get_dtype(&tensor, &type));
    check(aoti_torch_get_data_ptr(&tensor, &data));
    check(aoti_torch_create_tensor_from_blob(data, dims, sizes, strides, 0, type, 0, 0, &handle));
  }
  ~OnHost() { aoti_torch_delete_tensor_object(handle); }
};

void copy(const Tensor& to, const Tensor& from) {
  OnHost target(to), source(from);
  check(aoti_torch_copy_(target.handle, source.handle, 0));
}

// Another reference to a tensor.
Tensor share(const Tensor& tensor) {
  void* handle;
  check(aoti_torch_new_tensor_handle(&tensor, &handle));
  Tensor shared{{static_cast<Tensor*>(handle)->impl}};
  ::operator delete(handle);
  return shared;
}

void choose(std::optional<Device> device) { allocate_on(device && device->index >= 0 ? device->index : 0); }
ScalarType type_of(std::optional<ScalarType> type) { return type ? *type : get_default_dtype_as_scalartype(); }

// Kernels have the arguments of their operator behind these two.
#define CONTEXT OperatorKernel*, DispatchKeySet

Tensor empty(CONTEXT, ArrayRef<long> size, std::optional<ScalarType> type, std::optional<Layout>, std::optional<Device> device,
             std::optional<bool>, std::optional<MemoryFormat> format) {
  choose(device);
  return {at::detail::empty_generic(size, allocator(), s_keys, type_of(type), format)};
}

Tensor empty_strided(CONTEXT, ArrayRef<long> size, ArrayRef<long> stride, std::optional<ScalarType> type, std::optional<Layout>,
                     std::optional<Device> device, std::optional<bool>) {
  choose(device);
  return {at::detail::empty_strided_generic(size, stride, allocator(), s_keys, type_of(type))};
}

Tensor& copy_(CONTEXT, Tensor& self, const Tensor& source, bool) {
  copy(self, source);
  return self;
}

Tensor copy_from(CONTEXT, const Tensor& self, const Tensor& target, bool) {
  copy(target, self);
  return share(target);
}

Tensor copy_from_and_resize(CONTEXT, const Tensor& self, const Tensor& target) {
  int64_t dims, *sizes, targetDims, *targetSizes;
  check(aoti_torch_get_dim(&self, &dims));
  check(aoti_torch_get_sizes(&self, &sizes));
  check(aoti_torch_get_dim(&target, &targetDims));
  check(aoti_torch_get_sizes(&target, &targetSizes));
  if (dims != targetDims || std::memcmp(sizes, targetSizes, dims * sizeof *sizes))
    at::native::resize_(target, {sizes, static_cast<size_t>(dims)}, std::nullopt);
  copy(target, self);
  return share(target);
}

Tensor view(CONTEXT, const Tensor& self, ArrayRef<long> size) { return at::native::view(self, size); }

Tensor as_strided(CONTEXT, const Tensor& self, ArrayRef<long> size, ArrayRef<long> stride, std::optional<long> offset) {
  return at::native::as_strided_tensorimpl(self, size, stride, offset);
}

Tensor reshape_alias(CONTEXT, const Tensor& self, ArrayRef<long> size, ArrayRef<long> stride) {
  return at::native::_reshape_alias(self, size, stride);
}

Tensor unfold(CONTEXT, const Tensor& self, long dimension, long size, long step) { return at::native::unfold(self, dimension, size, step); }

const Tensor& resize_(CONTEXT, const Tensor& self, ArrayRef<long> size, std::optional<MemoryFormat> format) {
  return at::native::resize_(self, size, format);
}

void boxed(CONTEXT, void*) { throw std::runtime_error("the stand-in for a GPU lacks the boxed form of an operator"); }

// A value of the interpreter's stack, and values side by side, as the stack and a list have them.
struct Value {
  static constexpr uint32_t IsTensor = 1, IsList = 14;
  void* payload;
  uint32_t tag;
};
struct Values {
  const Value *first, *last, *capacity;
  const Value* begin() const { return first; }
  const Value* end() const { return last; }
};
struct List {
  void* methods;
  uint64_t references;
  Values values;
};

enum class Place { Anywhere, Host, Gpu };

// Where a value must be: numbers may be on the host.
Place place_of(const Value& value) {
  bool defined;
  if (value.tag != Value::IsTensor) return Place::Anywhere;
  check(aoti_torch_is_defined(&value.payload, &defined));
  if (!defined) return Place::Anywhere;
  int32_t device;
  int64_t dims;
  check(aoti_torch_get_device_type(&value.payload, &device));
  check(aoti_torch_get_dim(&value.payload, &dims));
  return device != 0 ? Place::Gpu : dims > 0 ? Place::Host : Place::Anywhere;
}

void refuse_host(bool is_mixed) {
  if (is_mixed) throw std::runtime_error("Expected all tensors to be on the same device, but found at least two devices, cuda and cpu!");
}

// As on a GPU, no tensor may come from the host, and no list mix the two. A list of indices may be on the host.
void check_places(const Values& values) {
  for (const auto& value : values) {
    refuse_host(place_of(value) == Place::Host);
    if (value.tag != Value::IsList || !value.payload) continue;
    bool has_host = false, has_gpu = false;
    for (const auto& item : static_cast<const List*>(value.payload)->values) {
      has_host |= place_of(item) == Place::Host;
      has_gpu |= place_of(item) == Place::Gpu;
    }
    refuse_host(has_host && has_gpu);
  }
}

void on_cpu(OperatorKernel*, const OperatorHandle& op, DispatchKeySet, std::vector<IValue>* stack) {
  check_places(*reinterpret_cast<const Values*>(stack));
  at::native::cpu_fallback(op, stack, false, s_cpu);
}

template <class F>
void implement(const char* op, const char* overload, F* kernel) {
  Dispatcher::realSingleton().registerImpl({op, overload}, key("CUDA"),
                                           KernelFunction(reinterpret_cast<void*>(&boxed), reinterpret_cast<void*>(kernel)), std::nullopt,
                                           nullptr, "stand-in");
}

}

void register_operators() {
  s_cpu = key("CPU");
  s_keys = getRuntimeDispatchKeySet(key("CUDA"));
  Dispatcher::realSingleton().registerFallback(key("CUDA"), KernelFunction(reinterpret_cast<void*>(&on_cpu), nullptr), "stand-in");
  implement("aten::empty", "memory_format", &empty);
  implement("aten::empty_strided", "", &empty_strided);
  implement("aten::copy_", "", &copy_);
  implement("aten::_copy_from", "", &copy_from);
  implement("aten::_copy_from_and_resize", "", &copy_from_and_resize);
  implement("aten::view", "", &view);
  implement("aten::as_strided", "", &as_strided);
  implement("aten::_reshape_alias", "", &reshape_alias);
  implement("aten::unfold", "", &unfold);
  implement("aten::resize_", "", &resize_);
}
}
