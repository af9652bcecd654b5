// Any operator by name and overload: one boxed call through libtorch's dispatcher.
#include <ATen/core/Generator.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <vector>

#include "common.h"

using at::Tensor;
using c10::IValue;

namespace {

enum class Kind : uint8_t {
  Tensor, Int, Double, Bool, Number, Ints, Doubles, Bools, Tensors, OptionalTensors, String, Device, Generator, Other,
};

struct Parameter {
  Kind kind;
  bool optional;
  bool has_default;
  IValue default_value;
  std::string name;
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Parameter> parameters;
  std::string schema;
};

Kind list_kind(const c10::TypePtr& element) {
  switch (element->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::Ints;
    case c10::TypeKind::FloatType: return Kind::Doubles;
    case c10::TypeKind::BoolType: return Kind::Bools;
    case c10::TypeKind::TensorType: return Kind::Tensors;
    case c10::TypeKind::OptionalType: return Kind::OptionalTensors;
    default: return Kind::Other;
  }
}

Kind kind_of(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Double;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::NumberType: return Kind::Number;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::GeneratorType: return Kind::Generator;
    case c10::TypeKind::ListType: return list_kind(type->castRaw<c10::ListType>()->getElementType());
    default: return Kind::Other;
  }
}

Parameter parameter_of(const c10::Argument& argument) {
  c10::TypePtr type = argument.type();
  bool optional = type->kind() == c10::TypeKind::OptionalType;
  if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
  const auto& value = argument.default_value();
  return {kind_of(type), optional, value.has_value(), value.has_value() ? *value : IValue(), argument.name()};
}

const char* tag_name(int32_t tag) {
  static const char* names[] = {"nothing", "a Tensor", "an integer", "a float", "a bool", "integers", "floats",
                                "Tensors", "a string", "a device", "a generator", "bools"};
  return tag >= 0 && tag <= CT_BOOLS ? names[tag] : "an unknown value";
}

template <class T, class E>
c10::List<T> list_of(const CtValue& v, E&& element) {
  c10::List<T> list;
  list.reserve(v.len);
  for (int i = 0; i < v.len; i++) list.push_back(element(i));
  return list;
}

at::Generator borrow_generator(void* p) {
  return at::Generator(
      c10::intrusive_ptr<c10::GeneratorImpl>::unsafe_reclaim_from_nonowning(static_cast<c10::GeneratorImpl*>(p)));
}

IValue to_ivalue(const Parameter& parameter, const CtValue& v) {
  if (v.tag == CT_NONE) {
    if (parameter.optional) return IValue();
    if (parameter.kind == Kind::Tensor) return IValue(Tensor());
  }
  switch (parameter.kind) {
    case Kind::Tensor:
      if (v.tag == CT_TENSOR) return IValue(ct::borrow(v.u.p));
      break;
    case Kind::Int:
      if (v.tag == CT_INT) return IValue(v.u.i);
      break;
    case Kind::Double:
      if (v.tag == CT_DOUBLE) return IValue(v.u.d);
      if (v.tag == CT_INT) return IValue(static_cast<double>(v.u.i));
      break;
    case Kind::Bool:
      if (v.tag == CT_BOOL) return IValue(v.u.i != 0);
      break;
    case Kind::Number:
      if (v.tag == CT_INT) return IValue(v.u.i);
      if (v.tag == CT_DOUBLE) return IValue(v.u.d);
      if (v.tag == CT_BOOL) return IValue(v.u.i != 0);
      break;
    case Kind::Ints:
      if (v.tag == CT_INTS) return IValue(c10::ArrayRef<int64_t>(static_cast<const int64_t*>(v.u.p), v.len));
      if (v.tag == CT_INT) return IValue(c10::ArrayRef<int64_t>(&v.u.i, 1));
      break;
    case Kind::Doubles:
      if (v.tag == CT_DOUBLES) return IValue(c10::ArrayRef<double>(static_cast<const double*>(v.u.p), v.len));
      break;
    case Kind::Bools:
      if (v.tag == CT_BOOLS)
        return IValue(list_of<bool>(v, [&](int i) { return static_cast<const uint8_t*>(v.u.p)[i] != 0; }));
      break;
    case Kind::Tensors:
      if (v.tag == CT_TENSORS)
        return IValue(list_of<Tensor>(v, [&](int i) { return ct::borrow(static_cast<void**>(v.u.p)[i]); }));
      break;
    case Kind::OptionalTensors:
      if (v.tag == CT_TENSORS)
        return IValue(list_of<ct::OptionalTensor>(v, [&](int i) {
          void* p = static_cast<void**>(v.u.p)[i];
          return p ? ct::OptionalTensor(ct::borrow(p)) : ct::OptionalTensor();
        }));
      break;
    case Kind::String:
      if (v.tag == CT_STRING) return IValue(std::string(static_cast<const char*>(v.u.p), v.len));
      break;
    case Kind::Device:
      if (v.tag == CT_DEVICE)
        return IValue(c10::Device(static_cast<c10::DeviceType>(v.u.i), static_cast<c10::DeviceIndex>(v.len)));
      break;
    case Kind::Generator:
      if (v.tag == CT_GENERATOR) return IValue(borrow_generator(v.u.p));
      break;
    case Kind::Other: TORCH_CHECK(false, "argument '", parameter.name, "' has a type that this binding cannot pass");
  }
  TORCH_CHECK(false, "argument '", parameter.name, "' cannot be ", tag_name(v.tag));
}

void append_result(IValue& value, std::vector<CtValue>& results) {
  CtValue r{CT_NONE, 0, {0}};
  if (value.isTensor()) {
    results.push_back(r);  // room first: what is given must not be lost to a failing push_back
    results.back().u.p = ct::give(std::move(value).toTensor());
    if (results.back().u.p) results.back().tag = CT_TENSOR;
    return;
  }
  if (value.isTensorList()) {
    for (const Tensor& t : value.toTensorList()) {
      results.push_back(r);
      results.back().u.p = ct::give(Tensor(t));
      if (results.back().u.p) results.back().tag = CT_TENSOR;
    }
    return;
  }
  if (value.isInt()) {
    r.tag = CT_INT, r.u.i = value.toInt();
  } else if (value.isDouble()) {
    r.tag = CT_DOUBLE, r.u.d = value.toDouble();
  } else if (value.isBool()) {
    r.tag = CT_BOOL, r.u.i = value.toBool();
  } else {
    TORCH_CHECK(value.isNone(), "a result of type ", value.tagKind(), " cannot be passed by this binding");
  }
  results.push_back(r);
}

// Kept between calls so that a call allocates nothing.
struct CallBuffers {
  std::vector<IValue> stack;
  std::vector<CtValue> results;
};
thread_local CallBuffers buffers;

}  // namespace

// An operator's handle, which is never freed; null with an error when libtorch has no such operator.
CT_API void* ct_find_operator(const char* name, const char* overload) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(handle.has_value(), "libtorch ", TORCH_VERSION, " has no operator ", name, *overload ? "." : "", overload);
    auto op = std::make_unique<Operator>(Operator{*handle, {}, c10::toString(handle->schema())});
    for (const auto& argument : handle->schema().arguments()) op->parameters.push_back(parameter_of(argument));
    return op.release();
  });
}

CT_API const char* ct_operator_schema(void* op) { return static_cast<Operator*>(op)->schema.c_str(); }

// Calls an operator. Trailing arguments that are not given take the schema's defaults. With `out`, the results are left
// in memory that is this thread's until its next call, each tensor an owned handle; without, they are dropped.
// Returns their count, or -1.
CT_API int ct_call(void* handle, const CtValue* arguments, int count, const CtValue** out) {
  const auto& op = *static_cast<const Operator*>(handle);
  CallBuffers& mine = buffers;
  std::vector<IValue> stack = std::move(mine.stack);  // should an operator come back here, it finds no stack in use
  std::vector<CtValue>& results = mine.results;
  results.clear();
  int n = ct::guarded(-1, [&] {
    const int parameters = static_cast<int>(op.parameters.size());
    TORCH_CHECK(count <= parameters, count, " arguments given, at most ", parameters, " taken");
    for (int i = 0; i < count; i++) stack.push_back(to_ivalue(op.parameters[i], arguments[i]));
    for (int i = count; i < parameters; i++) {
      TORCH_CHECK(op.parameters[i].has_default, "argument '", op.parameters[i].name, "' is missing");
      stack.push_back(op.parameters[i].default_value);
    }
    op.handle.callBoxed(&stack);
    if (!out) return 0;
    for (IValue& value : stack) append_result(value, results);
    *out = results.data();
    return static_cast<int>(results.size());
  });
  if (n < 0) {
    for (const CtValue& r : results)
      if (r.tag == CT_TENSOR) ct::release(r.u.p);
    results.clear();
  }
  stack.clear();
  mine.stack = std::move(stack);
  return n;
}
