namespace ClipTrain.Torch;

/// <summary>Functions of several tensors.</summary>
public static unsafe partial class torch
{
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0) => Aten.cat.Call(tensors, dim);

    public static Tensor stack(ReadOnlySpan<Tensor> tensors, long dim = 0) => Aten.stack.Call(tensors, dim);

    public static Tensor where(Tensor condition, Tensor self, Tensor other) => Aten.where.Call(condition, self, other);

    /// <summary>log(exp(self) + exp(other)), without overflow.</summary>
    public static Tensor logaddexp(Tensor self, Tensor other) => Aten.logaddexp.Call(self, other);

    public static Tensor matmul(Tensor self, Tensor other) => self.matmul(other);

    public static Tensor mm(Tensor self, Tensor other) => self.mm(other);

    /// <summary>The matrix product, written to <paramref name="out"/>, which is returned.</summary>
    public static Tensor mm_out(Tensor self, Tensor other, Tensor @out)
    {
        Aten.mm_out.CallInPlace(self, other, @out);
        return @out;
    }

    /// <summary>beta · input + alpha · mat1 · mat2.</summary>
    public static Tensor addmm(Tensor input, Tensor mat1, Tensor mat2, double beta = 1, double alpha = 1) =>
        Aten.addmm.Call(input, mat1, mat2, beta, alpha);

    /// <summary>beta · input + alpha · batch1 · batch2, a batch of matrix products.</summary>
    public static Tensor baddbmm(Tensor input, Tensor batch1, Tensor batch2, double beta = 1, double alpha = 1) =>
        Aten.baddbmm.Call(input, batch1, batch2, beta, alpha);

    /// <summary>Each slice along <paramref name="dim"/> divided by its p-norm, or by <paramref name="eps"/> if that is more.</summary>
    public static Tensor normalize(Tensor input, double p = 2, long dim = -1, double eps = 1e-12) =>
        nn.functional.normalize(input, p, dim, eps);
}
