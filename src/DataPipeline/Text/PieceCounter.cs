using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.DataPipeline.Text.Normalization;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Counts the pieces of a stream of captions in bounded memory: beyond <paramref name="maxPieces"/> distinct pieces, the rarest are
/// dropped (those seen once, then twice, until half remain; Manku and Motwani 2002), which a corpus of a few million captions never
/// reaches. Pieces over <see cref="MaxLength"/> bytes are not words and are ignored.
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
            if (piece.Length > MaxLength || PieceScanner.IsStartOfText(piece) || PieceScanner.IsEndOfText(piece))
            {
                continue;
            }

            var length = Encoding.UTF8.GetChars(piece, characters);
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, characters[..length], out _)++;
        }

        if (_counts.Count > maxPieces)
        {
            Forget();
        }
    }

    private void Forget()
    {
        for (var rare = 1L; _counts.Count > maxPieces / 2; rare++)
        {
            foreach (var (piece, count) in _counts)
            {
                if (count <= rare)
                {
                    _counts.Remove(piece);
                }
            }
        }
    }
}
