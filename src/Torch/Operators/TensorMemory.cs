using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>Access to the memory of tensors.</summary>
public static unsafe class TensorMemory
{
    /// <summary>The elements of a contiguous tensor in host memory. Valid as long as the tensor.</summary>
    /// <exception cref="InvalidOperationException">The tensor is strided, on another device, or has more than 2³¹ elements.</exception>
    public static Span<T> AsSpan<T>(this Tensor tensor)
        where T : unmanaged
    {
        if (!tensor.is_contiguous() || tensor.device_type != DeviceType.CPU)
        {
            throw new InvalidOperationException($"Only a contiguous tensor in host memory can be read as a span, not {Describe(tensor)}.");
        }

        if (sizeof(T) != tensor.ElementSize)
        {
            throw new InvalidOperationException($"Elements of {sizeof(T)} bytes were asked for of {Describe(tensor)}.");
        }

        return new Span<T>((void*)tensor.DataPointer(), checked((int)tensor.numel()));
    }

    /// <summary>The bytes of a contiguous tensor in host memory. Valid as long as the tensor.</summary>
    /// <exception cref="InvalidOperationException">The tensor is strided, or on another device.</exception>
    /// <exception cref="OverflowException">The tensor has 2³¹ bytes or more.</exception>
    public static Span<byte> Bytes(this Tensor tensor) =>
        tensor.is_contiguous() && tensor.device_type == DeviceType.CPU
            ? new Span<byte>((void*)tensor.DataPointer(), checked((int)tensor.ByteCount()))
            : throw new InvalidOperationException($"Only a contiguous tensor in host memory can be read as bytes, not {Describe(tensor)}.");

    /// <summary>Number of bytes of the elements.</summary>
    public static long ByteCount(this Tensor tensor) => tensor.numel() * tensor.ElementSize;

    /// <summary>The address of the first element.</summary>
    public static nint DataPointer(this Tensor tensor) => LibTorch.THSTensor_data(tensor.Handle);

    /// <summary>Creates a tensor over host memory, which the caller must keep alive.</summary>
    public static Tensor FromBlob(nint data, ReadOnlySpan<long> shape, ScalarType type)
    {
        var strides = stackalloc long[Math.Max(1, shape.Length)];
        long elements = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = elements;
            elements *= shape[i];
        }

        nint handle;
        fixed (long* sizes = shape)
        {
            Dispatcher.Check(
                LibTorch.aoti_torch_create_tensor_from_blob(data, shape.Length, sizes, strides, 0, (int)type, 0, 0, &handle),
                "a tensor over memory"
            );
        }

        return Tensor.UnsafeCreateTensor(handle);
    }

    /// <summary>Type, shape and device, for messages.</summary>
    public static string Describe(Tensor tensor) => $"{tensor.dtype} [{string.Join(", ", tensor.shape)}] on {tensor.device}";

    /// <summary>True if both tensors have the same type, shape and elements.</summary>
    public static bool IsSame(this Tensor tensor, Tensor other)
    {
        using var scope = NewDisposeScope();
        return tensor.dtype == other.dtype && tensor.shape.AsSpan().SequenceEqual(other.shape) && tensor.eq(other).all().item<bool>();
    }
}
