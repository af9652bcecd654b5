using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>The tags of <see cref="NativeValue"/>; <c>native/common.h</c> has the same list.</summary>
internal enum NativeTag
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    Ints = 5,
    Doubles = 6,
    Tensors = 7,
    String = 8,
    Device = 9,
    Generator = 10,
    Bools = 11,
}

/// <summary>One argument or result of a native call: <c>CtValue</c> of <c>native/common.h</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct NativeValue
{
    [FieldOffset(0)] public NativeTag Tag;
    [FieldOffset(4)] public int Length;
    [FieldOffset(8)] public long Int;
    [FieldOffset(8)] public double Double;
    [FieldOffset(8)] public nint Pointer;
}
