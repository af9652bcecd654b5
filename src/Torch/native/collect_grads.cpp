// Moves the gradients of many parameters into one flat fp32 buffer, in one call and one parallel pass.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "collect_grads.h"
#include "common.h"

using at::Tensor;

namespace {

// A contiguous gradient in host memory, or none (`data` null: zeros are written).
struct Segment {
  const void* data;
  at::ScalarType dtype;
  int64_t offset;  // of its first element in the flat buffer
  int64_t numel;
  int64_t start;  // elements of the segments before it
};

template <class T>
void move(const T* from, float* to, int64_t n, bool accumulate) {
  if (accumulate) {
    for (int64_t i = 0; i < n; i++) to[i] += static_cast<float>(from[i]);
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = static_cast<float>(from[i]);
  }
}

void move_part(const Segment& s, int64_t begin, int64_t n, float* flat, bool accumulate) {
  float* to = flat + s.offset + begin;
  if (!s.data) {
    std::memset(to, 0, n * sizeof(float));
    return;
  }
  switch (s.dtype) {
    case at::kFloat: return move(static_cast<const float*>(s.data) + begin, to, n, accumulate);
    case at::kBFloat16: return move(static_cast<const at::BFloat16*>(s.data) + begin, to, n, accumulate);
    default: return move(static_cast<const at::Half*>(s.data) + begin, to, n, accumulate);
  }
}

void move_all(const std::vector<Segment>& segments, int64_t total, float* flat, bool accumulate) {
  at::parallel_for(0, total, 1 << 15, [&](int64_t begin, int64_t end) {
    auto s = std::upper_bound(segments.begin(), segments.end(), begin,
                              [](int64_t at, const Segment& x) { return at < x.start; }) - 1;
    for (; s != segments.end() && s->start < end; ++s) {
      const int64_t from = std::max(begin - s->start, int64_t{0});
      const int64_t to = std::min(end - s->start, s->numel);
      if (from < to) move_part(*s, from, to - from, flat, accumulate);
    }
  });
}

void check_grad(const Tensor& grad, int index) {
  const at::ScalarType dtype = grad.scalar_type();
  TORCH_CHECK(grad.layout() == at::kStrided, "the gradient of parameter ", index, " is not dense");
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf, "the gradient of parameter ", index,
              " is ", dtype, ", not Float, BFloat16 or Half");
}

}  // namespace

void ct::collect_grads(const std::vector<Tensor>& parameters, const int64_t* offsets, const Tensor& flat, bool accumulate) {
  at::NoGradGuard no_grad;
  TORCH_CHECK(flat.dim() == 1 && flat.scalar_type() == at::kFloat && flat.is_contiguous(),
              "gradients are collected into a contiguous 1-D Float tensor, not ", flat.sizes(), " ", flat.dtype());
  const int count = static_cast<int>(parameters.size());
  for (int i = 0; i < count; i++) {  // before anything is written or cleared
    const Tensor& p = parameters[i];
    TORCH_CHECK(offsets[i] >= 0 && offsets[i] + p.numel() <= flat.numel(), "parameter ", i, " of ", p.numel(),
                " elements at offset ", offsets[i], " does not fit a buffer of ", flat.numel());
    if (p.grad().defined()) check_grad(p.grad(), i);
  }

  std::vector<Segment> segments;
  std::vector<Tensor> cleared;  // keeps the gradients until they are moved
  int64_t total = 0;
  for (int i = 0; i < count; i++) {
    const Tensor& p = parameters[i];
    Tensor grad = p.grad();
    if (!grad.defined() && accumulate) continue;
    if (flat.device().is_cpu() && (!grad.defined() || (grad.device().is_cpu() && grad.is_contiguous()))) {
      segments.push_back({grad.defined() ? grad.data_ptr() : nullptr, grad.defined() ? grad.scalar_type() : at::kFloat,
                          offsets[i], p.numel(), total});
      total += p.numel();
    } else {
      Tensor to = flat.narrow(0, offsets[i], p.numel()).view(p.sizes());
      if (!grad.defined()) {
        to.zero_();
      } else if (accumulate) {
        to.add_(grad);
      } else {
        to.copy_(grad);
      }
    }
    p.mutable_grad().reset();
    cleared.push_back(std::move(grad));
  }
  if (total > 0) move_all(segments, total, flat.data_ptr<float>(), accumulate);
}

CT_API int ct_collect_grads(void** parameters, const int64_t* offsets, int count, void* flat, int accumulate) {
  return ct::guarded(-1, [&] {
    std::vector<Tensor> borrowed;
    for (int i = 0; i < count; i++) borrowed.push_back(ct::borrow(parameters[i]));
    ct::collect_grads(borrowed, offsets, ct::borrow(flat), accumulate != 0);
    return 0;
  });
}
