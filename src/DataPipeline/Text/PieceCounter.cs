using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.DataPipeline.Text.Normalization;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Counts the pieces of captions that stream by. The memory is bounded: when more than <paramref name="maxPieces"/>
/// different ones are known, the rarest are forgotten (those seen once, then twice, until half are left; Manku and Motwani
/// 2002), which a corpus of a few million captions never reaches. Pieces over <see cref="MaxLength"/> bytes are no words
/// and are left out.
/// </summary>
internal sealed class PieceCounter(int maxPieces = 1 << 23)
{
    public const int MaxLength = 256;

    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public void Add(string caption)
    {
        Span<byte> buffer = stackalloc byte[2048];
        Span<char> characters = stackalloc char[MaxLength];
        var lookup = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var piece in new PieceScanner(CaptionNormalizer.Normalize(caption, buffer)))
        {
            if (piece.Length > MaxLength || piece.SequenceEqual(PieceScanner.StartOfText) || piece.SequenceEqual(PieceScanner.EndOfText))
                continue;
            var length = Encoding.UTF8.GetChars(piece, characters);
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, characters[..length], out _)++;
        }

        if (_counts.Count > maxPieces)
            Forget();
    }

    private void Forget()
    {
        for (var rare = 1L; _counts.Count > maxPieces / 2; rare++)
        {
            foreach (var (piece, count) in _counts)
            {
                if (count <= rare)
                    _counts.Remove(piece);
            }
        }
    }
}
