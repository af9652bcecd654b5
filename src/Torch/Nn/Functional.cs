namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>The functions that networks are made of, as in <c>torch.nn.functional</c>.</summary>
        public static partial class functional
        {
            /// <summary>input · weightᵀ + bias; weight is [out, in]. In bf16 on a CPU the product is rounded before the bias is added.</summary>
            public static Tensor linear(Tensor input, Tensor weight, Tensor? bias = null)
            {
                if (bias is null || input.dtype != bfloat16 || input.device.type != DeviceType.CPU)
                {
                    return Aten.linear.Call(input, weight, bias);
                }

                // Fused, the bias is a post-operation of oneDNN's product. oneDNN 2.6, Debian's, makes the code of a product with
                // one from attributes that may be freed by then: bad_alloc and the like, now and then, for a new shape.
                return Aten.linear.Call(input, weight, (Tensor?)null).add_(bias);
            }

            public static Tensor layer_norm(
                Tensor input, ReadOnlySpan<long> normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                Aten.layer_norm.Call(input, normalized_shape, weight, bias, eps);

            /// <summary>GELU, exact or with <paramref name="approximate"/> "tanh".</summary>
            public static Tensor gelu(Tensor input, string approximate = "none") => Aten.gelu.Call(input, approximate);

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            public static Tensor log_softmax(Tensor input, long dim, ScalarType? dtype = null) => input.log_softmax(dim, dtype);

            public static Tensor sigmoid(Tensor input) => input.sigmoid();

            public static Tensor logsigmoid(Tensor input) => Aten.log_sigmoid.Call(input);

            public static Tensor softplus(Tensor input, double beta = 1, double threshold = 20) => Aten.softplus.Call(input, beta, threshold);

            /// <summary>The rows of <paramref name="weight"/> [entries, width] at <paramref name="input"/>'s indices.</summary>
            public static Tensor embedding(Tensor input, Tensor weight) => Aten.embedding.Call(weight, input);

            /// <summary>input [N, C, H, W], weight [out, C/groups, kH, kW].</summary>
            public static Tensor conv2d(
                Tensor input, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long dilation = 1, long groups = 1) =>
                Aten.conv2d.Call(
                    input, weight, bias, new[] { stride, stride }, new[] { padding, padding }, new[] { dilation, dilation }, groups);

            /// <summary>
            /// Normalises each channel of input [N, C, …] with the batch's statistics, which then move the running ones, or
            /// without <paramref name="training"/> with the running ones.
            /// </summary>
            public static Tensor batch_norm(
                Tensor input, Tensor running_mean, Tensor running_var, Tensor? weight = null, Tensor? bias = null, bool training = false, double momentum = 0.1, double eps = 1e-5) =>
                Aten.batch_norm.Call(input, weight, bias, running_mean, running_var, training, momentum, eps, true);

            /// <summary>Each channel's mean and biased variance over input [N, C, …].</summary>
            public static (Tensor mean, Tensor variance) batch_norm_stats(Tensor input)
            {
                Tensor[] results = Aten.batch_norm_update_stats.CallMany(input, TorchValue.None, TorchValue.None, 0.0);
                return (results[0], results[1]);
            }

            /// <summary>
            /// The gradients of <see cref="batch_norm"/>'s input, weight and bias where the statistics are given and do not
            /// depend on the input.
            /// </summary>
            public static (Tensor input, Tensor weight, Tensor bias) batch_norm_backward(
                Tensor grad_output, Tensor input, Tensor weight, Tensor mean, Tensor variance, double eps = 1e-5)
            {
                Tensor[] results = Aten.native_batch_norm_backward.CallMany(
                    grad_output, input, weight, mean, variance, TorchValue.None, TorchValue.None, false, eps, new[] { true, true, true });
                return (results[0], results[1], results[2]);
            }

            /// <summary>Means of the squares of side <paramref name="kernel_size"/> that tile input [N, C, H, W].</summary>
            public static Tensor avg_pool2d(Tensor input, long kernel_size) =>
                Aten.avg_pool2d.Call(input, new[] { kernel_size, kernel_size }, new[] { kernel_size, kernel_size });

            /// <summary>The squares of side <paramref name="kernel_size"/> of input [N, C, H, W], flat, as [N, C·k·k, L].</summary>
            public static Tensor unfold(Tensor input, long kernel_size, long stride) =>
                Aten.im2col.Call(input, new[] { kernel_size, kernel_size }, new[] { 1L, 1L }, new[] { 0L, 0L }, new[] { stride, stride });

            /// <summary>Bicubic resampling of input [N, C, H, W] to a size, with a wider filter where it shrinks, as <c>interpolate(mode='bicubic', antialias=True)</c>.</summary>
            public static Tensor interpolate_bicubic(Tensor input, long height, long width) =>
                Aten.upsample_bicubic2d_aa.Call(input, new[] { height, width }, false, TorchValue.None, TorchValue.None);

            /// <summary>Each slice along <paramref name="dim"/> divided by its p-norm, or by <paramref name="eps"/> if that is more.</summary>
            public static Tensor normalize(Tensor input, double p = 2, long dim = -1, double eps = 1e-12) =>
                input.div(input.norm(dim, keepdim: true, p).clamp(min: eps));

            /// <summary>
            /// The mean cross-entropy of logits [N, C] against class indices [N]; rows whose target is
            /// <paramref name="ignore_index"/> do not count.
            /// </summary>
            public static Tensor cross_entropy(
                Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, double label_smoothing = 0)
            {
                const int Mean = 1;
                return Aten.cross_entropy_loss.Call(input, target, weight, Mean, ignore_index, label_smoothing);
            }

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true) => Aten.dropout.Call(input, p, training);

            /// <summary>
            /// softmax(query · keyᵀ / √E + mask) · value over [..., L, E], [..., S, E] and [..., S, V]. A bool mask is true where
            /// a key takes part; a float mask is added. Written out where libtorch lacks the operator (before 2.0).
            /// </summary>
            public static Tensor scaled_dot_product_attention(
                Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double dropout_p = 0, bool is_causal = false)
            {
                if (Aten.scaled_dot_product_attention.Exists)
                {
                    return Aten.scaled_dot_product_attention.Call(query, key, value, attn_mask, dropout_p, is_causal);
                }

                if (is_causal)
                {
                    if (attn_mask is not null)
                    {
                        throw new ArgumentException("Causal attention takes no other mask.", nameof(attn_mask));
                    }

                    attn_mask = ones([query.size(-2), key.size(-2)], @bool, query.device).tril();
                }

                Tensor scores = query.mul(1 / Math.Sqrt(query.size(-1))).matmul(key.transpose(-2, -1));
                if (attn_mask is not null)
                {
                    scores = attn_mask.dtype == @bool
                        ? scores.masked_fill(attn_mask.logical_not(), double.NegativeInfinity)
                        : scores.add(attn_mask);
                }

                Tensor weights = scores.softmax(-1);
                return (dropout_p > 0 ? dropout(weights, dropout_p) : weights).matmul(value);
            }
        }
    }
}
