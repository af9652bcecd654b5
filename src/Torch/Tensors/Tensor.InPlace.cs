namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    /// <summary>Methods that end in an underscore change the tensor and return it.</summary>
    public partial class Tensor
    {
        public Tensor copy_(Tensor source, bool non_blocking = false) => InPlace(Aten.copy_, this, source, non_blocking);

        public Tensor zero_() => InPlace(Aten.zero_, this);

        public Tensor fill_(Scalar value) => InPlace(Aten.fill_, this, value);

        /// <summary>self += alpha · other.</summary>
        public Tensor add_(Tensor other, Scalar? alpha = null) => InPlace(Aten.add_, this, other, alpha ?? 1);

        public Tensor add_(Scalar other) => InPlace(Aten.add_Scalar_, this, other);

        /// <summary>self −= alpha · other.</summary>
        public Tensor sub_(Tensor other, Scalar? alpha = null) => InPlace(Aten.sub_, this, other, alpha ?? 1);

        public Tensor sub_(Scalar other) => InPlace(Aten.sub_Scalar_, this, other);

        public Tensor mul_(Tensor other) => InPlace(Aten.mul_, this, other);

        public Tensor mul_(Scalar other) => InPlace(Aten.mul_Scalar_, this, other);

        public Tensor div_(Tensor other) => InPlace(Aten.div_, this, other);

        public Tensor div_(Scalar other) => InPlace(Aten.div_Scalar_, this, other);

        public Tensor neg_() => InPlace(Aten.neg_, this);

        public Tensor exp_() => InPlace(Aten.exp_, this);

        public Tensor sqrt_() => InPlace(Aten.sqrt_, this);

        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => InPlace(Aten.clamp_, this, min, max);

        /// <summary>self += value · tensor1 · tensor2.</summary>
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar? value = null) => InPlace(Aten.addcmul_, this, tensor1, tensor2, value ?? 1);

        /// <summary>self += value · tensor1 / tensor2.</summary>
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar? value = null) => InPlace(Aten.addcdiv_, this, tensor1, tensor2, value ?? 1);

        /// <summary>self += weight · (end − self).</summary>
        public Tensor lerp_(Tensor end, Scalar weight) => InPlace(Aten.lerp_, this, end, weight);

        public Tensor masked_fill_(Tensor mask, Scalar value) => InPlace(Aten.masked_fill_, this, mask, value);

        public Tensor index_add_(long dim, Tensor index, Tensor source) => InPlace(Aten.index_add_, this, dim, index, source);

        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => InPlace(Aten.normal_, this, mean, std, generator);

        public Tensor uniform_(double from = 0, double to = 1, Generator? generator = null) => InPlace(Aten.uniform_, this, from, to, generator);

        private Tensor InPlace(TorchOp op, params ReadOnlySpan<TorchValue> arguments)
        {
            op.CallInPlace(arguments);
            return this;
        }
    }
}
