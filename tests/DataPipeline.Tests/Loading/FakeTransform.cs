using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Loading;

/// <summary>
/// A 2 × 2 "image" of the sample's number and of random numbers drawn for it, so that a wrong sample, epoch or generator shows.
/// An image that does not begin with a sample's number is not an image.
/// </summary>
internal sealed class FakeTransform : IImageTransform
{
    private readonly float[] _view = new float[12];

    public int Size => 2;

    public ImageType Type => ImageType.Fp32;

    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random)
    {
        Evaluate(encoded);
        for (var i = 1; i < _view.Length; i++)
        {
            _view[i] = (float)random.NextDouble();
        }
    }

    public void Evaluate(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length < 8)
        {
            throw new ImageDecodeException($"{encoded.Length} bytes are no image");
        }

        Array.Fill(_view, -1);
        _view[0] = BinaryPrimitives.ReadInt64LittleEndian(encoded);
    }

    public void Write(Span<byte> chw) => _view.CopyTo(MemoryMarshal.Cast<byte, float>(chw));

    public void Dispose() { }
}

/// <summary>Tokens are the caption's first characters.</summary>
internal sealed class FakeTokenizer : ITokenizer
{
    public int VocabularySize => 65536;

    public int ContextLength => 16;

    public EncodedCaption Encode(string text, Span<long> tokens, int first)
    {
        tokens.Clear();
        var length = Math.Min(text.Length, tokens.Length);
        for (var i = 0; i < length; i++)
        {
            tokens[i] = text[i];
        }

        return new EncodedCaption(length - 1, text.Length, ContextLength);
    }
}
