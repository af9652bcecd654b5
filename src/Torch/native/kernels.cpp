// Fused CPU kernels. Compiled without contraction to fused multiply-add, so that every processor and every number of
// threads gives the same bits: the workers of a run must agree on the weights.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "common.h"

using at::Tensor;

// One clone a vector width; the loader picks.
#if defined(__x86_64__)
#define CT_CLONES __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define CT_CLONES
#endif

namespace {

struct AdamW {
  float grad_scale, beta1, one_minus_beta1, beta2, one_minus_beta2, sqrt_bias_correction2, eps, decay, step_size;
};

// Round to nearest even; any NaN becomes the one that libtorch writes.
inline uint16_t to_bf16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>(x != x ? 0x7FC0 : rounded);
}

CT_CLONES void adamw_range(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v,
                           int64_t n, AdamW c) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const float grad = g[i] * c.grad_scale;
    m[i] = c.beta1 * m[i] + c.one_minus_beta1 * grad;
    v[i] = c.beta2 * v[i] + c.one_minus_beta2 * grad * grad;
    const float denominator = __builtin_sqrtf(v[i]) / c.sqrt_bias_correction2 + c.eps;
    p[i] = p[i] * c.decay - c.step_size * m[i] / denominator;
  }
}

CT_CLONES void bf16_range(const float* __restrict from, uint16_t* __restrict to, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) to[i] = to_bf16(from[i]);
}

// Wellons' 32-bit permutation "lowbias32".
inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x21F0AAADu;
  x ^= x >> 15;
  x *= 0xD35A2D97u;
  return x ^ (x >> 15);
}

// Rounds to a neighbour in bfloat16 by bits that are a function of key and element. Adding 16 random bits carries with the
// probability that the lower half stands for; a carry into infinity is not taken.
CT_CLONES void round_piece(float* __restrict x, int64_t n, uint32_t low, uint32_t key0, uint32_t key1) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const uint32_t random = mix(mix((low + static_cast<uint32_t>(i)) ^ key0) + key1) >> 16;
    uint32_t bits;
    __builtin_memcpy(&bits, &x[i], 4);
    const uint32_t up = (bits + random) & 0xFFFF0000u;
    const uint32_t finite = (up & 0x7F800000u) == 0x7F800000u ? bits & 0xFFFF0000u : up;
    const uint32_t rounded = (bits & 0x7F800000u) == 0x7F800000u ? bits : finite;
    __builtin_memcpy(&x[i], &rounded, 4);
  }
}

struct Rounding {
  bool on;
  uint64_t key;
  int64_t first;
};

// Elements [begin, begin + n) of the call's; pieces end where the upper half of the element's number changes.
void round_range(float* p, int64_t n, int64_t begin, const Rounding& r) {
  for (int64_t done = 0; done < n;) {
    const uint64_t element = static_cast<uint64_t>(r.first + begin + done);
    const uint32_t low = static_cast<uint32_t>(element), high = static_cast<uint32_t>(element >> 32);
    const int64_t k = std::min<int64_t>(n - done, (int64_t{1} << 32) - low);
    round_piece(p + done, k, low, static_cast<uint32_t>(r.key),
                mix(static_cast<uint32_t>(r.key >> 32) + high * 0x9E3779B9u));
    done += k;
  }
}

constexpr int64_t kBlock = 1 << 14;
constexpr int kLanes = 16;

// Sixteen partial sums in a fixed order, whatever the vector width.
CT_CLONES double block_sum_of_squares(const float* __restrict x, int64_t n) {
  double lanes[kLanes] = {};
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes)
    for (int l = 0; l < kLanes; l++) lanes[l] += static_cast<double>(x[i + l]) * static_cast<double>(x[i + l]);
  for (int64_t i = whole; i < n; i++) lanes[i - whole] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

void check_flat(const Tensor& t, const char* name, at::ScalarType dtype, int64_t numel) {
  TORCH_CHECK(t.dim() == 1 && t.is_contiguous() && t.scalar_type() == dtype && t.device().is_cpu() && t.numel() == numel,
              "'", name, "' must be a contiguous 1-D CPU tensor of ", numel, " ", dtype, " elements, not ", t.sizes(), " ",
              t.dtype(), " on ", t.device());
}

}  // namespace

// One AdamW step (Loshchilov and Hutter, 2019, as torch.optim.AdamW computes it) over flat tensors. With `rounds` the new
// weights are rounded stochastically to values of bfloat16; `first` is the number of the first element.
CT_API int ct_adamw(void* param, void* grad, void* exp_avg, void* exp_avg_sq, void* compute_bf16, double grad_scale,
                    double lr, double beta1, double beta2, double eps, double weight_decay, int64_t step, int rounds,
                    uint64_t key, int64_t first) {
  return ct::guarded(-1, [&] {
    const Tensor p = ct::borrow(param), g = ct::borrow(grad), m = ct::borrow(exp_avg), v = ct::borrow(exp_avg_sq),
                 b = ct::borrow(compute_bf16);
    const int64_t n = p.numel();
    check_flat(p, "param", at::kFloat, n);
    check_flat(g, "grad", at::kFloat, n);
    check_flat(m, "exp_avg", at::kFloat, n);
    check_flat(v, "exp_avg_sq", at::kFloat, n);
    if (b.defined()) check_flat(b, "compute_bf16", at::kBFloat16, n);
    TORCH_CHECK(step >= 1, "steps are counted from 1, not ", step);

    const double bias_correction1 = 1 - std::pow(beta1, static_cast<double>(step));
    const double bias_correction2 = 1 - std::pow(beta2, static_cast<double>(step));
    const AdamW c{static_cast<float>(grad_scale), static_cast<float>(beta1), static_cast<float>(1 - beta1),
                  static_cast<float>(beta2), static_cast<float>(1 - beta2), static_cast<float>(std::sqrt(bias_correction2)),
                  static_cast<float>(eps), static_cast<float>(1 - lr * weight_decay),
                  static_cast<float>(lr / bias_correction1)};
    const Rounding rounding{rounds != 0, key, first};
    float *pp = p.data_ptr<float>(), *mp = m.data_ptr<float>(), *vp = v.data_ptr<float>();
    const float* gp = g.data_ptr<float>();
    auto* bp = b.defined() ? static_cast<uint16_t*>(b.data_ptr()) : nullptr;
    at::parallel_for(0, n, 1 << 15, [&](int64_t begin, int64_t end) {
      // Pieces that stay in the cache until their bf16 copy is written.
      for (int64_t i = begin; i < end; i += kBlock) {
        const int64_t k = std::min(kBlock, end - i);
        adamw_range(pp + i, gp + i, mp + i, vp + i, k, c);
        if (rounding.on) round_range(pp + i, k, i, rounding);
        if (bp) bf16_range(pp + i, bp + i, k);
      }
    });
    return 0;
  });
}

// The sum of squares in double precision, over fixed blocks whose sums are added in order.
CT_API int ct_sum_of_squares(void* flat, double* out) {
  return ct::guarded(-1, [&] {
    const Tensor t = ct::borrow(flat);
    check_flat(t, "flat", at::kFloat, t.numel());
    const float* x = t.data_ptr<float>();
    const int64_t n = t.numel(), blocks = (n + kBlock - 1) / kBlock;
    std::vector<double> sums(blocks);
    at::parallel_for(0, blocks, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++)
        sums[i] = block_sum_of_squares(x + i * kBlock, std::min(kBlock, n - i * kBlock));
    });
    double total = 0;
    for (double s : sums) total += s;
    *out = total;
    return 0;
  });
}
