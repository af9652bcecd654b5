using System.Text.RegularExpressions;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Rows that training cannot use.</summary>
/// <param name="Place">The row, <c>file:row</c>; the first one of several unreadable rows.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Reason">The problem.</param>
public sealed record BrokenRows(string Place, long Rows, string Reason)
{
    public override string ToString() => Rows == 1 ? $"{Place} {Reason}" : $"{Place} and the {Rows - 1} rows after it: {Reason}";
}

/// <summary>Verifies rows with the decoders used in training.</summary>
public static partial class CorpusVerification
{
    /// <summary>
    /// All broken rows, in corpus order. A part of a file that cannot be read is one entry and does not end the verification.
    /// </summary>
    /// <param name="progress">Called with the numbers of rows done and of broken rows among them.</param>
    public static IEnumerable<BrokenRows> Run(
        CorpusManifest manifest,
        RowChoice choice,
        Action<long, long> progress,
        CancellationToken cancellation
    )
    {
        var captioned = manifest.Caption is not null;
        var scan = new ParallelScan<Decoder, (long Index, string? Reason)>(
            () => new Decoder(),
            (decoder, rows, row) =>
                (
                    row.Index,
                    (captioned ? CaptionProblem(rows, row.Row) : null) ?? rows.ImageProblem(row.Row) ?? decoder.Check(rows.Image(row.Row))
                )
        );
        long done = 0,
            broken = 0;
        foreach (var rows in scan.Run(manifest, choice, cancellation))
        {
            if (rows.Failure is { } failure)
            {
                broken += rows.Rows;
                yield return new BrokenRows(manifest.Key(rows.FirstIndex), rows.Rows, failure.Message);
            }

            foreach (var (index, reason) in rows.Results)
            {
                if (reason is null)
                {
                    continue;
                }

                broken++;
                yield return new BrokenRows(manifest.Key(index), 1, reason);
            }

            done += rows.Rows;
            progress(done, broken);
        }
    }

    /// <summary>A reason without its numbers and paths, so that similar ones are counted together.</summary>
    public static string Kind(string reason) => Particulars().Replace(reason, "…");

    private static string? CaptionProblem(RowGroup rows, int row) =>
        rows.CaptionProblem(row) ?? (string.IsNullOrWhiteSpace(rows.Caption(row)) ? "the caption is empty" : null);

    [GeneratedRegex(@"/\S+|\d[\d,.]*", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Particulars();

    private sealed class Decoder : IDisposable
    {
        private readonly ImageDecoder _decoder = new();
        private readonly PixelBuffer _pixels = new();

        public string? Check(ReadOnlySpan<byte> image)
        {
            try
            {
                _decoder.Decode(image, _pixels);
                return null;
            }
            catch (ImageDecodeException e)
            {
                return e.Message.ReplaceLineEndings(" ").Trim();
            }
            finally
            {
                _pixels.Trim();
            }
        }

        public void Dispose()
        {
            _decoder.Dispose();
            _pixels.Dispose();
        }
    }
}
