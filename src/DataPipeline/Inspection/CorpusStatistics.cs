using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>What a corpus consists of.</summary>
public sealed class CorpusStatistics
{
    /// <summary>Rows looked at.</summary>
    public long Rows { get; private set; }

    public long MissingImages { get; private set; }

    /// <summary>Bytes that are no image, by the header or, where that does not say, by decoding.</summary>
    public long UnreadableImages { get; private set; }

    /// <summary>Captions that are missing or blank.</summary>
    public long MissingCaptions { get; private set; }

    /// <summary>Captions with more tokens than fit the context.</summary>
    public long TruncatedCaptions { get; private set; }

    public Distribution Width { get; } = new();

    public Distribution Height { get; } = new();

    public Distribution ShortSide { get; } = new();

    /// <summary>Width over height.</summary>
    public Distribution Aspect { get; } = new();

    /// <summary>Sizes of image files.</summary>
    public Distribution Bytes { get; } = new();

    /// <summary>Unicode code points of captions.</summary>
    public Distribution Characters { get; } = new();

    /// <summary>Tokens of captions, without start and end.</summary>
    public Distribution Tokens { get; } = new();

    public SortedDictionary<ImageFormat, long> Formats { get; } = [];

    public SortedDictionary<string, long> Scripts { get; } = new(StringComparer.Ordinal);

    public RepeatCount Images { get; } = new();

    public RepeatCount Captions { get; } = new();

    /// <summary>Looks at rows of a corpus; images are decoded only where their header does not tell their size.</summary>
    /// <param name="progress">Told how many rows are done.</param>
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
                throw rows.Failure;
            foreach (var (index, facts) in rows.Results)
                statistics.Add(index, facts);
            progress(statistics.Rows);
        }

        return statistics;
    }

    /// <summary>Counts a sample.</summary>
    public void Add(long index, RowFacts facts)
    {
        Rows++;
        if (facts.Image is { } image)
            Add(index, image);
        else
            MissingImages++;
        if (facts.Caption is { } caption)
            Add(index, caption);
        else
            MissingCaptions++;
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

/// <summary>Something that occurs more than once.</summary>
/// <param name="FirstIndex">The first sample that has it.</param>
/// <param name="Times">How many have it.</param>
public readonly record struct Repeat(long FirstIndex, long Times);

/// <summary>
/// Finds what occurs more than once by 64-bit hashes, 16 bytes of memory a sample: among a hundred million different
/// things two hashes are equal with a probability of 0.0003.
/// </summary>
public sealed class RepeatCount
{
    private const int Named = 5;

    private readonly List<(ulong Hash, long Index)> _seen = [];

    public void Add(ulong hash, long index) => _seen.Add((hash, index));

    /// <summary>How many samples have what an earlier one has, and what occurs most often.</summary>
    public (long Surplus, IReadOnlyList<Repeat> MostRepeated) Count()
    {
        _seen.Sort();
        var repeats = new List<Repeat>();
        long surplus = 0;
        for (int start = 0, end; start < _seen.Count; start = end)
        {
            for (end = start + 1; end < _seen.Count && _seen[end].Hash == _seen[start].Hash; end++) { }

            if (end - start == 1)
                continue;
            surplus += end - start - 1;
            repeats.Add(new Repeat(_seen[start].Index, end - start));
        }

        return (surplus, [.. repeats.OrderByDescending(r => r.Times).ThenBy(r => r.FirstIndex).Take(Named)]);
    }
}
