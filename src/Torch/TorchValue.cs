using System.Text;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

/// <summary>
/// An argument of a <see cref="TorchOp"/>: a tensor (null is the undefined tensor or an absent optional), a number, a bool,
/// a string, a dtype, a device, a generator, or a list of integers, floats, bools or tensors. Values convert implicitly.
/// </summary>
public readonly struct TorchValue
{
    private readonly object? _list;
    private readonly long _bits;
    private readonly NativeTag _tag;
    private readonly int _length;

    private TorchValue(NativeTag tag, long bits, int length = 0)
    {
        _tag = tag;
        _bits = bits;
        _length = length;
    }

    private TorchValue(NativeTag tag, object list, int length)
    {
        _tag = tag;
        _list = list;
        _length = length;
    }

    /// <summary>An absent optional argument.</summary>
    public static TorchValue None => default;

    public static implicit operator TorchValue(torch.Tensor? tensor) =>
        tensor is null ? default : new(NativeTag.Tensor, tensor.Handle);

    public static implicit operator TorchValue(long value) => new(NativeTag.Int, value);

    public static implicit operator TorchValue(int value) => new(NativeTag.Int, value);

    public static implicit operator TorchValue(double value) => new(NativeTag.Double, BitConverter.DoubleToInt64Bits(value));

    public static implicit operator TorchValue(bool value) => new(NativeTag.Bool, value ? 1 : 0);

    public static implicit operator TorchValue(torch.Scalar value) => new(value.Tag, value.Bits);

    public static implicit operator TorchValue(torch.Scalar? value) => value is { } v ? v : default(TorchValue);

    public static implicit operator TorchValue(long? value) => value is { } v ? v : default(TorchValue);

    public static implicit operator TorchValue(double? value) => value is { } v ? v : default(TorchValue);

    public static implicit operator TorchValue(torch.ScalarType value) => new(NativeTag.Int, (long)value);

    public static implicit operator TorchValue(torch.ScalarType? value) => value is { } v ? v : default(TorchValue);

    public static implicit operator TorchValue(torch.Device? value) =>
        value is null ? default : new(NativeTag.Device, (long)value.type, value.index);

    public static implicit operator TorchValue(torch.Generator? value) =>
        value is null ? default : new(NativeTag.Generator, value.Handle);

    public static implicit operator TorchValue(string? value) =>
        value is null ? default : new(NativeTag.String, value, Encoding.UTF8.GetByteCount(value));

    public static implicit operator TorchValue(long[]? value) =>
        value is null ? default : new(NativeTag.Ints, value, value.Length);

    public static implicit operator TorchValue(ReadOnlySpan<long> value) => new(NativeTag.Ints, value.ToArray(), value.Length);

    public static implicit operator TorchValue(double[]? value) =>
        value is null ? default : new(NativeTag.Doubles, value, value.Length);

    public static implicit operator TorchValue(bool[]? value) =>
        value is null ? default : new(NativeTag.Bools, value, value.Length);

    public static implicit operator TorchValue(torch.Tensor?[]? value) =>
        value is null ? default : new(NativeTag.Tensors, value, value.Length);

    public static implicit operator TorchValue(ReadOnlySpan<torch.Tensor> value) =>
        new(NativeTag.Tensors, value.ToArray(), value.Length);

    internal bool IsList => _list is not null;

    /// <summary>The value for a native call, when it is no list.</summary>
    internal NativeValue Plain => new() { Tag = _tag, Length = _length, Int = _bits };

    /// <summary>How many 8-byte words of scratch <see cref="Write"/> needs.</summary>
    internal int ScratchWords => _list is null ? 0 : _tag is NativeTag.String or NativeTag.Bools ? (_length + 7) / 8 : _length;

    /// <summary>Writes the value for a native call, a list's elements to <paramref name="scratch"/>, which is advanced.</summary>
    internal unsafe void Write(out NativeValue target, ref long* scratch)
    {
        target = Plain;
        if (_list is not null)
        {
            target.Pointer = (nint)scratch;
            WriteList(scratch);
            scratch += ScratchWords;
        }
    }

    private unsafe void WriteList(long* scratch)
    {
        switch (_list)
        {
            case long[] ints:
                ints.CopyTo(new Span<long>(scratch, _length));
                break;
            case double[] doubles:
                doubles.CopyTo(new Span<double>(scratch, _length));
                break;
            case bool[] bools:
                bools.CopyTo(new Span<bool>(scratch, _length));
                break;
            case string text:
                Encoding.UTF8.GetBytes(text, new Span<byte>(scratch, _length));
                break;
            case torch.Tensor?[] tensors:
                for (int i = 0; i < tensors.Length; i++)
                {
                    scratch[i] = tensors[i]?.Handle ?? 0;
                }

                break;
        }
    }
}
