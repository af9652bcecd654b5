using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    /// <summary>Optimizer steps over flat tensors.</summary>
    public static partial class optim
    {
        /// <summary>
        /// One AdamW step (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), computed as
        /// <c>torch.optim.AdamW</c> does:
        /// g = grad · grad_scale; p ·= 1 − lr · weight_decay; m = β1·m + (1−β1)·g; v = β2·v + (1−β2)·g²;
        /// p −= lr/(1−β1^step) · m / (√v/√(1−β2^step) + eps).
        /// On the CPU it is one pass over memory whose result depends neither on the number of threads nor on the processor.
        /// </summary>
        /// <param name="param">Master weights: contiguous float32 of one dimension, as the next three, all of one length.</param>
        /// <param name="grad">Gradients; not changed.</param>
        /// <param name="exp_avg">The first moment m.</param>
        /// <param name="exp_avg_sq">The second moment v.</param>
        /// <param name="compute_bf16">When given, receives the new weights rounded to the nearest bfloat16 (ties to even).</param>
        /// <param name="grad_scale">A factor for the gradients, as from clipping.</param>
        /// <param name="step">Which step this is, counted from 1.</param>
        /// <param name="rounding">When given, the new weights are rounded so before they are copied.</param>
        public static void adamw_(
            Tensor param, Tensor grad, Tensor exp_avg, Tensor exp_avg_sq, Tensor? compute_bf16, double grad_scale,
            double lr, double beta1, double beta2, double eps, double weight_decay, long step, StochasticRounding? rounding = null)
        {
            if (param.device.type == DeviceType.CPU)
            {
                NativeError.Check(
                    NativeMethods.ct_adamw(
                        param.Handle, grad.Handle, exp_avg.Handle, exp_avg_sq.Handle, compute_bf16?.Handle ?? 0,
                        grad_scale, lr, beta1, beta2, eps, weight_decay, step,
                        rounding is null ? 0 : 1, rounding?.Key ?? 0, rounding?.First ?? 0),
                    "torch.optim.adamw_");
                return;
            }

            ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
            adamw_composite_(param, grad, exp_avg, exp_avg_sq, compute_bf16, grad_scale, lr, beta1, beta2, eps, weight_decay, step, rounding);
        }

        /// <summary>The same step from separate operators, for devices that the fused pass does not serve.</summary>
        internal static void adamw_composite_(
            Tensor param, Tensor grad, Tensor exp_avg, Tensor exp_avg_sq, Tensor? compute_bf16, double grad_scale,
            double lr, double beta1, double beta2, double eps, double weight_decay, long step, StochasticRounding? rounding = null)
        {
            using GradModeGuard guard = no_grad();
            using DisposeScope scope = NewDisposeScope();
            Tensor scaled = grad_scale == 1 ? grad : grad.mul(grad_scale);
            param.mul_(1 - (lr * weight_decay));
            exp_avg.mul_(beta1).add_(scaled, 1 - beta1);
            exp_avg_sq.mul_(beta2).addcmul_(scaled, scaled, 1 - beta2);
            Tensor denominator = exp_avg_sq.sqrt().div_(Math.Sqrt(1 - Math.Pow(beta2, step))).add_(eps);
            param.addcdiv_(exp_avg, denominator, -lr / (1 - Math.Pow(beta1, step)));
            rounding?.Round(param);
            compute_bf16?.copy_(param);
        }
    }

    /// <summary>
    /// The sum of the squares of a contiguous float32 tensor of one dimension, accumulated in double precision. On the CPU
    /// its blocks and their order are fixed, so that the result does not depend on the number of threads. It is finite
    /// exactly when every element is.
    /// </summary>
    public static double sum_of_squares(Tensor flat)
    {
        if (flat.device.type == DeviceType.CPU)
        {
            double sum;
            NativeError.Check(NativeMethods.ct_sum_of_squares(flat.Handle, &sum), "torch.sum_of_squares");
            return sum;
        }

        using GradModeGuard guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return flat.detach().to(float64).square().sum().item<double>();
    }
}
