using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Inspection;

namespace ClipTrain.Cli.DataTools;

/// <summary>Something of a corpus that occurs more than once, with what to call it.</summary>
internal sealed record NamedRepeat(string Name, long Times);

/// <summary>A corpus' statistics with what is said beside them.</summary>
/// <param name="Statistics">Of the rows that were looked at.</param>
/// <param name="CorpusRows">Rows of the whole corpus.</param>
/// <param name="Files">Its files.</param>
/// <param name="Size">Side of the image tower's input in pixels.</param>
/// <param name="Context">Places of the text tower, start and end included.</param>
/// <param name="RepeatedImages">Rows with an image that an earlier row has.</param>
/// <param name="RepeatedCaptions">Rows with a caption that an earlier row has.</param>
internal sealed record StatsReport(
    CorpusStatistics Statistics,
    long CorpusRows,
    int Files,
    int Size,
    int Context,
    long RepeatedImages,
    IReadOnlyList<NamedRepeat> MostRepeatedImages,
    long RepeatedCaptions,
    IReadOnlyList<NamedRepeat> MostRepeatedCaptions
)
{
    public static StatsReport Of(CorpusInput input, CorpusStatistics statistics)
    {
        var manifest = input.Manifest;
        var (images, mostImages) = statistics.Images.Count();
        var (captions, mostCaptions) = statistics.Captions.Count();
        using var reader = new CorpusReader(manifest);
        return new StatsReport(
            statistics,
            manifest.SampleCount,
            manifest.Files.Count,
            input.Augmentation.Size,
            input.Tokenizer.ContextLength,
            images,
            [.. mostImages.Select(repeat => new NamedRepeat(manifest.Key(repeat.FirstIndex), repeat.Times))],
            captions,
            [.. mostCaptions.Select(repeat => new NamedRepeat(reader.ReadRows(repeat.FirstIndex, 1).Single().Caption!, repeat.Times))]
        );
    }

    /// <summary>What was looked at, in words.</summary>
    public string Extent =>
        Statistics.Rows == CorpusRows
            ? $"all {Telemetry.Readable.Count(CorpusRows)} rows of {Plural(Files, "file")}"
            : $"{Telemetry.Readable.Count(Statistics.Rows)} rows, drawn from the {Telemetry.Readable.Count(CorpusRows)} of "
                + $"{Plural(Files, "file")}";

    /// <summary>A count's share of the rows that were looked at.</summary>
    public double Share(long count) => Statistics.Rows == 0 ? 0 : (double)count / Statistics.Rows;

    private static string Plural(int count, string noun) => $"{Telemetry.Readable.Count(count)} {noun}{(count == 1 ? "" : "s")}";
}
