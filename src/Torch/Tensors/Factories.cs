using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

/// <summary>Making tensors. The dtype is float32 and the device the CPU unless said otherwise.</summary>
public static unsafe partial class torch
{
    /// <summary>A tensor whose elements are not set.</summary>
    public static Tensor empty(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Grad(Aten.empty.Call(size, dtype, TorchValue.None, device), requires_grad);

    public static Tensor empty(long size, ScalarType? dtype = null, Device? device = null) => empty([size], dtype, device);

    public static Tensor zeros(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Grad(Aten.zeros.Call(size, dtype, TorchValue.None, device), requires_grad);

    public static Tensor zeros(long size, ScalarType? dtype = null, Device? device = null) => zeros([size], dtype, device);

    public static Tensor ones(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Grad(Aten.ones.Call(size, dtype, TorchValue.None, device), requires_grad);

    public static Tensor ones(long size, ScalarType? dtype = null, Device? device = null) => ones([size], dtype, device);

    /// <summary>A tensor filled with one number, whose kind decides the dtype when none is given.</summary>
    public static Tensor full(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Grad(Aten.full.Call(size, value, dtype, TorchValue.None, device), requires_grad);

    public static Tensor eye(long n, ScalarType? dtype = null, Device? device = null) => Aten.eye.Call(n, dtype, TorchValue.None, device);

    public static Tensor empty_like(Tensor input, ScalarType? dtype = null) => Aten.empty_like.Call(input, dtype);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null) => Aten.zeros_like.Call(input, dtype);

    public static Tensor ones_like(Tensor input, ScalarType? dtype = null) => Aten.ones_like.Call(input, dtype);

    /// <summary>Uniform on [0, 1).</summary>
    public static Tensor rand(
        ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null) =>
        Grad(Aten.rand.Call(size, generator, dtype, TorchValue.None, device), requires_grad);

    /// <summary>Standard normal.</summary>
    public static Tensor randn(
        ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null) =>
        Grad(Aten.randn.Call(size, generator, dtype, TorchValue.None, device), requires_grad);

    /// <summary>Integers in [low, high), int64 unless said otherwise.</summary>
    public static Tensor randint(
        long low, long high, ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, Generator? generator = null) =>
        Aten.randint.Call(low, high, size, generator, dtype ?? int64, TorchValue.None, device);

    /// <summary>A random order of 0 … n−1, int64 unless said otherwise.</summary>
    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, Generator? generator = null) =>
        Aten.randperm.Call(n, generator, dtype ?? int64, TorchValue.None, device);

    /// <summary>0, 1, … below <paramref name="stop"/>; the number's kind decides the dtype when none is given.</summary>
    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null) => arange(0, stop, 1, dtype, device);

    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null) =>
        Aten.arange.Call(start, stop, step, dtype, TorchValue.None, device);

    /// <summary>A copy of numbers, of shape <paramref name="shape"/> (by default one dimension), of their own dtype by default.</summary>
    public static Tensor tensor(ReadOnlySpan<float> data, ReadOnlySpan<long> shape = default, ScalarType? dtype = null, Device? device = null) =>
        Copy(data, shape, dtype, device);

    public static Tensor tensor(ReadOnlySpan<double> data, ReadOnlySpan<long> shape = default, ScalarType? dtype = null, Device? device = null) =>
        Copy(data, shape, dtype, device);

    public static Tensor tensor(ReadOnlySpan<long> data, ReadOnlySpan<long> shape = default, ScalarType? dtype = null, Device? device = null) =>
        Copy(data, shape, dtype, device);

    public static Tensor tensor(ReadOnlySpan<int> data, ReadOnlySpan<long> shape = default, ScalarType? dtype = null, Device? device = null) =>
        Copy(data, shape, dtype, device);

    public static Tensor tensor(ReadOnlySpan<byte> data, ReadOnlySpan<long> shape = default, ScalarType? dtype = null, Device? device = null) =>
        Copy(data, shape, dtype, device);

    public static Tensor tensor(ReadOnlySpan<bool> data, ReadOnlySpan<long> shape = default, ScalarType? dtype = null, Device? device = null) =>
        Copy(data, shape, dtype, device);

    /// <summary>A tensor of no dimensions.</summary>
    public static Tensor tensor(float value, ScalarType? dtype = null, Device? device = null) => full([], (double)value, dtype ?? float32, device);

    public static Tensor tensor(double value, ScalarType? dtype = null, Device? device = null) => full([], value, dtype ?? float64, device);

    public static Tensor tensor(long value, ScalarType? dtype = null, Device? device = null) => full([], value, dtype ?? int64, device);

    public static Tensor tensor(bool value, ScalarType? dtype = null, Device? device = null) => full([], value, dtype ?? @bool, device);

    /// <summary>A CPU tensor over memory that stays the caller's: it must outlive the tensor and all its views.</summary>
    public static Tensor from_blob(nint data, ReadOnlySpan<long> shape, ScalarType dtype)
    {
        fixed (long* sizes = shape)
        {
            return new Tensor(NativeError.CheckPointer(NativeMethods.ct_from_blob(data, sizes, shape.Length, (int)dtype), "torch.from_blob"));
        }
    }

    private static Tensor Copy<T>(ReadOnlySpan<T> data, ReadOnlySpan<long> shape, ScalarType? dtype, Device? device)
        where T : unmanaged
    {
        Tensor copy = empty(shape.IsEmpty ? [data.Length] : shape, TypeOf<T>());
        long numel = copy.numel();
        if (numel != data.Length)
        {
            copy.Dispose();
            throw new ArgumentException($"{data.Length} numbers do not fill the shape [{string.Join(", ", shape.ToArray())}].", nameof(data));
        }

        data.CopyTo(copy.AsSpan<T>());
        if ((dtype ?? copy.dtype) == copy.dtype && (device is null || device.type == DeviceType.CPU))
        {
            return copy;
        }

        using (copy)
        {
            return copy.to(dtype ?? copy.dtype, device ?? CPU);
        }
    }

    private static Tensor Grad(Tensor tensor, bool requires_grad) => requires_grad ? tensor.requires_grad_() : tensor;
}
