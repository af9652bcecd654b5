using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Statistics of a corpus's images and captions.</summary>
public sealed class CorpusStatistics
{
    /// <summary>Rows examined.</summary>
    public long Rows { get; private set; }

    /// <summary>Samples without an image.</summary>
    public long MissingImages { get; private set; }

    /// <summary>Bytes that are not an image, by the header or, where that does not tell, by decoding.</summary>
    public long UnreadableImages { get; private set; }

    /// <summary>Captions that are null or blank.</summary>
    public long MissingCaptions { get; private set; }

    /// <summary>Captions with more tokens than the context.</summary>
    public long TruncatedCaptions { get; private set; }

    /// <summary>Image widths in pixels.</summary>
    public Distribution Width { get; } = new();

    /// <summary>Image heights in pixels.</summary>
    public Distribution Height { get; } = new();

    /// <summary>Shorter sides in pixels.</summary>
    public Distribution ShortSide { get; } = new();

    /// <summary>Width over height.</summary>
    public Distribution Aspect { get; } = new();

    /// <summary>Image file sizes in bytes.</summary>
    public Distribution Bytes { get; } = new();

    /// <summary>Caption lengths in Unicode code points.</summary>
    public Distribution Characters { get; } = new();

    /// <summary>Caption lengths in tokens, without start and end.</summary>
    public Distribution Tokens { get; } = new();

    /// <summary>Images by format.</summary>
    public SortedDictionary<ImageFormat, long> Formats { get; } = [];

    /// <summary>Captions by script, see <see cref="UnicodeScript"/>.</summary>
    public SortedDictionary<string, long> Scripts { get; } = new(StringComparer.Ordinal);

    /// <summary>Duplicate images.</summary>
    public RepeatCount Images { get; } = new();

    /// <summary>Duplicate captions.</summary>
    public RepeatCount Captions { get; } = new();

    /// <summary>Examines rows of a corpus; images are decoded only if their header does not give their size.</summary>
    /// <param name="progress">Called with the number of rows done.</param>
    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public static CorpusStatistics Of(
        CorpusManifest manifest,
        RowChoice choice,
        ITokenizer tokenizer,
        Action<long> progress,
        CancellationToken cancellation
    )
    {
        var statistics = new CorpusStatistics();
        var scan = new ParallelScan<RowExaminer, (long, RowFacts)>(
            () => new RowExaminer(tokenizer),
            (examiner, rows, row) => (row.Index, examiner.Examine(rows.Image(row.Row), rows.Caption(row.Row)))
        );
        foreach (var rows in scan.Run(manifest, choice, cancellation))
        {
            if (rows.Failure is not null)
            {
                throw rows.Failure;
            }

            foreach (var (index, facts) in rows.Results)
            {
                statistics.Add(index, facts);
            }

            progress(statistics.Rows);
        }

        return statistics;
    }

    /// <summary>Adds a sample.</summary>
    public void Add(long index, RowFacts facts)
    {
        Rows++;
        if (facts.Image is { } image)
        {
            Add(index, image);
        }
        else
        {
            MissingImages++;
        }

        if (facts.Caption is { } caption)
        {
            Add(index, caption);
        }
        else
        {
            MissingCaptions++;
        }
    }

    private void Add(long index, ImageFacts image)
    {
        Bytes.Add(image.Bytes);
        Images.Add(image.Hash, index);
        if (image.Format is not { } format)
        {
            UnreadableImages++;
            return;
        }

        Formats[format] = Formats.GetValueOrDefault(format) + 1;
        Width.Add(image.Width);
        Height.Add(image.Height);
        ShortSide.Add(Math.Min(image.Width, image.Height));
        Aspect.Add((double)image.Width / image.Height);
    }

    private void Add(long index, CaptionFacts caption)
    {
        Captions.Add(caption.Hash, index);
        Characters.Add(caption.Characters);
        Tokens.Add(caption.Tokens);
        TruncatedCaptions += caption.Truncated ? 1 : 0;
        Scripts[caption.Script] = Scripts.GetValueOrDefault(caption.Script) + 1;
    }
}

/// <summary>A value that occurs more than once.</summary>
/// <param name="FirstIndex">The first sample with it.</param>
/// <param name="Times">Number of samples with it.</param>
public readonly record struct Repeat(long FirstIndex, long Times);

/// <summary>
/// Finds duplicates by 64-bit hashes, in 16 bytes of memory per sample: among a hundred million distinct values, the probability of a
/// collision is 0.0003.
/// </summary>
public sealed class RepeatCount
{
    private const int Named = 5;

    private readonly List<(ulong Hash, long Index)> _seen = [];

    /// <summary>Adds a sample's hash.</summary>
    public void Add(ulong hash, long index) => _seen.Add((hash, index));

    /// <summary>The number of samples that repeat an earlier one, and the most frequent values.</summary>
    public (long Surplus, IReadOnlyList<Repeat> MostRepeated) Count()
    {
        _seen.Sort();
        var repeats = new List<Repeat>();
        long surplus = 0;
        for (int start = 0, end; start < _seen.Count; start = end)
        {
            for (end = start + 1; end < _seen.Count && _seen[end].Hash == _seen[start].Hash; end++) { }

            if (end - start == 1)
            {
                continue;
            }

            surplus += end - start - 1;
            repeats.Add(new Repeat(_seen[start].Index, end - start));
        }

        return (surplus, [.. repeats.OrderByDescending(r => r.Times).ThenBy(r => r.FirstIndex).Take(Named)]);
    }
}
