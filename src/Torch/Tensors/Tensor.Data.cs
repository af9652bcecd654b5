using System.Runtime.CompilerServices;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>The address of the first element, on the tensor's device.</summary>
        public nint DataPointer
        {
            get
            {
                nint data;
                NativeError.Check(NativeMethods.ct_data_ptr(Handle, &data), nameof(DataPointer));
                return data;
            }
        }

        /// <summary>
        /// The elements of a contiguous CPU tensor, in place. BFloat16 elements are read as their 16 bits (<c>ushort</c>).
        /// The span must not outlive the tensor.
        /// </summary>
        /// <exception cref="InvalidOperationException">Another dtype, not contiguous, not on the CPU, or over 2^31 elements.</exception>
        public Span<T> AsSpan<T>()
            where T : unmanaged
        {
            if (dtype != TypeOf<T>())
            {
                throw new InvalidOperationException($"A span of {typeof(T).Name} cannot be taken of a tensor of {dtype}.");
            }

            if (device.type != DeviceType.CPU || !is_contiguous())
            {
                throw new InvalidOperationException(
                    $"A span can only be taken of a contiguous CPU tensor, not of {this}{(is_contiguous() ? "" : ", strided")}: " +
                    "call contiguous() or to(torch.CPU) first.");
            }

            return new Span<T>((void*)DataPointer, checked((int)numel()));
        }

        /// <summary>The value of a tensor of one element, as float, double, int, long or bool.</summary>
        /// <exception cref="TorchException">The tensor has not one element.</exception>
        public T item<T>()
            where T : unmanaged
        {
            NativeValue value;
            NativeError.Check(NativeMethods.ct_item(Handle, &value), "item");
            double number = value.Tag == NativeTag.Double ? value.Double : value.Int;
            if (typeof(T) == typeof(float))
            {
                return Unsafe.BitCast<float, T>((float)number);
            }

            if (typeof(T) == typeof(double))
            {
                return Unsafe.BitCast<double, T>(number);
            }

            if (value.Tag == NativeTag.Double)
            {
                throw new InvalidOperationException($"item<{typeof(T).Name}>() would round a tensor of {dtype}: use float or double.");
            }

            if (typeof(T) == typeof(long))
            {
                return Unsafe.BitCast<long, T>(value.Int);
            }

            if (typeof(T) == typeof(int))
            {
                return Unsafe.BitCast<int, T>(checked((int)value.Int));
            }

            return typeof(T) == typeof(bool)
                ? Unsafe.BitCast<bool, T>(value.Int != 0)
                : throw new NotSupportedException($"item<{typeof(T).Name}>(): use float, double, int, long or bool.");
        }
    }

    /// <summary>The dtype that a C# type holds the elements of.</summary>
    internal static ScalarType TypeOf<T>()
        where T : unmanaged =>
        typeof(T) == typeof(float) ? ScalarType.Float32
        : typeof(T) == typeof(double) ? ScalarType.Float64
        : typeof(T) == typeof(long) ? ScalarType.Int64
        : typeof(T) == typeof(int) ? ScalarType.Int32
        : typeof(T) == typeof(short) ? ScalarType.Int16
        : typeof(T) == typeof(sbyte) ? ScalarType.Int8
        : typeof(T) == typeof(byte) ? ScalarType.Byte
        : typeof(T) == typeof(bool) ? ScalarType.Bool
        : typeof(T) == typeof(Half) ? ScalarType.Float16
        : typeof(T) == typeof(ushort) ? ScalarType.BFloat16
        : throw new NotSupportedException($"No dtype has elements of type {typeof(T).Name}.");
}
