using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    /// <summary>A number as an operator's argument; an integer stays one, so that type promotion works as in Python.</summary>
    public readonly struct Scalar
    {
        private Scalar(NativeTag tag, long bits)
        {
            Tag = tag;
            Bits = bits;
        }

        internal NativeTag Tag { get; }

        internal long Bits { get; }

        public static implicit operator Scalar(int value) => new(NativeTag.Int, value);

        public static implicit operator Scalar(long value) => new(NativeTag.Int, value);

        public static implicit operator Scalar(double value) => new(NativeTag.Double, BitConverter.DoubleToInt64Bits(value));

        public static implicit operator Scalar(bool value) => new(NativeTag.Bool, value ? 1 : 0);
    }
}
