using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Properties of an image.</summary>
/// <param name="Bytes">Size of the image file.</param>
/// <param name="Hash">Hash of its bytes.</param>
/// <param name="Format">Its format; null if the bytes are not an image.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
public readonly record struct ImageFacts(int Bytes, ulong Hash, ImageFormat? Format, int Width, int Height);

/// <summary>Properties of a caption.</summary>
/// <param name="Hash">Hash of its text.</param>
/// <param name="Characters">Length in Unicode code points.</param>
/// <param name="Tokens">Length in tokens, without start and end.</param>
/// <param name="Truncated">True if it has more tokens than the context.</param>
/// <param name="Script">Its script, see <see cref="UnicodeScript"/>.</param>
public readonly record struct CaptionFacts(ulong Hash, int Characters, int Tokens, bool Truncated, string Script);

/// <summary>Properties of a sample; null for a missing image and a missing or blank caption.</summary>
public readonly record struct RowFacts(ImageFacts? Image, CaptionFacts? Caption);

/// <summary>Determines the properties of samples, one at a time.</summary>
internal sealed class RowExaminer(ITokenizer tokenizer) : IDisposable
{
    private readonly ImageDecoder _decoder = new();
    private readonly PixelBuffer _pixels = new();
    private readonly long[] _tokens = new long[tokenizer.ContextLength];

    public RowFacts Examine(ReadOnlySpan<byte> image, string? caption) =>
        new(image.IsEmpty ? null : Examine(image), string.IsNullOrWhiteSpace(caption) ? null : Examine(caption));

    public void Dispose()
    {
        _decoder.Dispose();
        _pixels.Dispose();
    }

    private CaptionFacts Examine(string caption)
    {
        var encoded = tokenizer.Encode(caption, _tokens, first: 0);
        return new CaptionFacts(
            Hash(MemoryMarshal.AsBytes(caption.AsSpan())),
            caption.EnumerateRunes().Count(),
            encoded.Length,
            encoded.Excess > 0,
            UnicodeScript.Of(caption)
        );
    }

    private ImageFacts Examine(ReadOnlySpan<byte> image)
    {
        var facts = new ImageFacts(image.Length, Hash(image), Format: null, Width: 0, Height: 0);
        if (ImageHeader.Read(image) is { IsAccepted: true } header)
        {
            return facts with { Format = header.Format, Width = (int)header.Width, Height = (int)header.Height };
        }

        try
        {
            _decoder.Decode(image, _pixels);
            return facts with { Format = ImageFormat.Other, Width = _pixels.Width, Height = _pixels.Height };
        }
        catch (ImageDecodeException)
        {
            return facts;
        }
        finally
        {
            _pixels.Trim();
        }
    }

    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
