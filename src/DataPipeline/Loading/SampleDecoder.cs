using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>An encoded pair on its way to a row of a batch.</summary>
internal readonly record struct EncodedPair(SampleRef Sample, byte[] Image, string? Caption);

/// <summary>Turns an encoded pair into a batch's row.</summary>
internal static class SampleDecoder
{
    /// <summary>Writes the row; returns why the pair cannot be used, or null.</summary>
    /// <param name="random">Draws the crop; null takes the evaluation transform.</param>
    public static string? Decode(EncodedPair pair, IImageTransform transform, ITokenizer tokenizer, ulong seed, BatchBuffers buffers, int row)
    {
        if (pair.Image.Length == 0)
            return "it has no image";
        if (string.IsNullOrWhiteSpace(pair.Caption))
            return "its caption is empty";
        try
        {
            var random = new CounterRandom(seed, (ulong)pair.Sample.Epoch, (ulong)pair.Sample.Index);
            transform.Train(pair.Image, ref random, buffers.Image(row));
        }
        catch (ImageDecodeException error)
        {
            return error.Message;
        }

        buffers.Ends[row] = tokenizer.Encode(pair.Caption, buffers.TokensOf(row));
        return null;
    }
}
