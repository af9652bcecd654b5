namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        public Tensor sum() => Aten.sum.Call(this);

        public Tensor sum(long dim, bool keepdim = false, ScalarType? dtype = null) => Aten.sum_dim.Call(this, dim, keepdim, dtype);

        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? dtype = null) =>
            Aten.sum_dim.Call(this, dim, keepdim, dtype);

        public Tensor mean() => Aten.mean.Call(this);

        public Tensor mean(long dim, bool keepdim = false, ScalarType? dtype = null) => Aten.mean_dim.Call(this, dim, keepdim, dtype);

        public Tensor mean(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? dtype = null) =>
            Aten.mean_dim.Call(this, dim, keepdim, dtype);

        public Tensor max() => Aten.max.Call(this);

        public (Tensor values, Tensor indices) max(long dim, bool keepdim = false) => Pair(Aten.max_dim.CallMany(this, dim, keepdim));

        public Tensor min() => Aten.min.Call(this);

        public (Tensor values, Tensor indices) min(long dim, bool keepdim = false) => Pair(Aten.min_dim.CallMany(this, dim, keepdim));

        public Tensor amax(ReadOnlySpan<long> dim, bool keepdim = false) => Aten.amax.Call(this, dim, keepdim);

        public Tensor argmax(long? dim = null, bool keepdim = false) => Aten.argmax.Call(this, dim, keepdim);

        public Tensor argmin(long? dim = null, bool keepdim = false) => Aten.argmin.Call(this, dim, keepdim);

        public Tensor argsort(long dim = -1, bool descending = false) => Aten.argsort.Call(this, dim, descending);

        /// <summary>The p-norm of all elements.</summary>
        public Tensor norm(double p = 2) => Aten.norm.Call(this, p);

        /// <summary>The p-norm along one dimension.</summary>
        public Tensor norm(long dim, bool keepdim = false, double p = 2) => Aten.norm.Call(this, p, dim, keepdim);

        public Tensor var(ReadOnlySpan<long> dim, bool unbiased = true, bool keepdim = false) => Aten.var_dim.Call(this, dim, unbiased, keepdim);

        public Tensor std(ReadOnlySpan<long> dim, bool unbiased = true, bool keepdim = false) => Aten.std_dim.Call(this, dim, unbiased, keepdim);

        public Tensor all() => Aten.all.Call(this);

        public Tensor any() => Aten.any.Call(this);

        public Tensor logsumexp(long dim, bool keepdim = false) => Aten.logsumexp.Call(this, dim, keepdim);

        public Tensor softmax(long dim, ScalarType? dtype = null) => Aten.softmax.Call(this, dim, dtype);

        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Aten.log_softmax.Call(this, dim, dtype);

        public Tensor cumsum(long dim) => Aten.cumsum.Call(this, dim);

        public (Tensor values, Tensor indices) topk(long k, long dim = -1, bool largest = true, bool sorted = true) =>
            Pair(Aten.topk.CallMany(this, k, dim, largest, sorted));

        public (Tensor values, Tensor indices) sort(long dim = -1, bool descending = false) =>
            Pair(Aten.sort.CallMany(this, dim, descending));

        private static (Tensor Values, Tensor Indices) Pair(Tensor[] results) => (results[0], results[1]);
    }
}
