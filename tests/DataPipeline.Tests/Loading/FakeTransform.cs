using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Loading;

/// <summary>
/// A 2 × 2 "image" of the sample's number and of random numbers drawn for it, so that a wrong sample, epoch or generator shows.
/// An image that does not begin with a sample's number is not an image.
/// </summary>
internal sealed class FakeTransform : IImageTransform
{
    public int Size => 2;

    public ImageType Type => ImageType.Fp32;

    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random, Span<byte> output)
    {
        Evaluate(encoded, output);
        var chw = MemoryMarshal.Cast<byte, float>(output);
        for (var i = 1; i < chw.Length; i++)
            chw[i] = (float)random.NextDouble();
    }

    public void Evaluate(ReadOnlySpan<byte> encoded, Span<byte> output)
    {
        var chw = MemoryMarshal.Cast<byte, float>(output);
        if (encoded.Length < 8)
            throw new ImageDecodeException($"{encoded.Length} bytes are no image");
        chw.Fill(-1);
        chw[0] = BinaryPrimitives.ReadInt64LittleEndian(encoded);
    }

    public void Dispose()
    {
    }
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
            tokens[i] = text[i];
        return new EncodedCaption(length - 1, text.Length, ContextLength);
    }
}
