namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);

        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);

        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);

        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);

        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);

        public static Tensor operator -(Scalar left, Tensor right) => Aten.rsub_Scalar.Call(right, left);

        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);

        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);

        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);

        public static Tensor operator /(Tensor left, Tensor right) => left.div(right);

        public static Tensor operator /(Tensor left, Scalar right) => left.div(right);

        public static Tensor operator /(Scalar left, Tensor right) => right.reciprocal().mul(left);

        public static Tensor operator -(Tensor tensor) => tensor.neg();

        /// <summary>self + alpha · other.</summary>
        public Tensor add(Tensor other, Scalar? alpha = null) => alpha is { } a ? Aten.add.Call(this, other, a) : Aten.add.Call(this, other);

        public Tensor add(Scalar other) => Aten.add_Scalar.Call(this, other);

        /// <summary>self − alpha · other.</summary>
        public Tensor sub(Tensor other, Scalar? alpha = null) => alpha is { } a ? Aten.sub.Call(this, other, a) : Aten.sub.Call(this, other);

        public Tensor sub(Scalar other) => Aten.sub_Scalar.Call(this, other);

        public Tensor mul(Tensor other) => Aten.mul.Call(this, other);

        public Tensor mul(Scalar other) => Aten.mul_Scalar.Call(this, other);

        public Tensor div(Tensor other) => Aten.div.Call(this, other);

        public Tensor div(Scalar other) => Aten.div_Scalar.Call(this, other);

        public Tensor neg() => Aten.neg.Call(this);

        public Tensor abs() => Aten.abs.Call(this);

        public Tensor exp() => Aten.exp.Call(this);

        public Tensor log() => Aten.log.Call(this);

        public Tensor sqrt() => Aten.sqrt.Call(this);

        public Tensor rsqrt() => Aten.rsqrt.Call(this);

        public Tensor reciprocal() => Aten.reciprocal.Call(this);

        public Tensor square() => Aten.square.Call(this);

        public Tensor sin() => Aten.sin.Call(this);

        public Tensor cos() => Aten.cos.Call(this);

        public Tensor tanh() => Aten.tanh.Call(this);

        public Tensor relu() => Aten.relu.Call(this);

        public Tensor sigmoid() => Aten.sigmoid.Call(this);

        public Tensor pow(Scalar exponent) => Aten.pow_Scalar.Call(this, exponent);

        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Aten.clamp.Call(this, min, max);

        public Tensor maximum(Tensor other) => Aten.maximum.Call(this, other);

        public Tensor minimum(Tensor other) => Aten.minimum.Call(this, other);

        public Tensor masked_fill(Tensor mask, Scalar value) => Aten.masked_fill.Call(this, mask, value);

        public Tensor isfinite() => Aten.isfinite.Call(this);

        public Tensor isnan() => Aten.isnan.Call(this);

        public Tensor logical_not() => Aten.logical_not.Call(this);

        public Tensor logical_and(Tensor other) => Aten.logical_and.Call(this, other);

        public Tensor logical_or(Tensor other) => Aten.logical_or.Call(this, other);

        public Tensor eq(Tensor other) => Aten.eq.Call(this, other);

        public Tensor eq(Scalar other) => Aten.eq_Scalar.Call(this, other);

        public Tensor ne(Tensor other) => Aten.ne.Call(this, other);

        public Tensor ne(Scalar other) => Aten.ne_Scalar.Call(this, other);

        public Tensor ge(Tensor other) => Aten.ge.Call(this, other);

        public Tensor ge(Scalar other) => Aten.ge_Scalar.Call(this, other);

        public Tensor gt(Tensor other) => Aten.gt.Call(this, other);

        public Tensor gt(Scalar other) => Aten.gt_Scalar.Call(this, other);

        public Tensor le(Tensor other) => Aten.le.Call(this, other);

        public Tensor le(Scalar other) => Aten.le_Scalar.Call(this, other);

        public Tensor lt(Tensor other) => Aten.lt.Call(this, other);

        public Tensor lt(Scalar other) => Aten.lt_Scalar.Call(this, other);

        /// <summary>Whether both have the same shape and the same elements.</summary>
        public bool equal(Tensor other) => Aten.equal.CallBool(this, other);

        /// <summary>Whether |self − other| ≤ atol + rtol · |other| for every element.</summary>
        public bool allclose(Tensor other, double rtol = 1e-5, double atol = 1e-8) => Aten.allclose.CallBool(this, other, rtol, atol);
    }
}
