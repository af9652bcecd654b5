using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Inspection;

namespace ClipTrain.Cli.DataTools;

/// <summary>Repeated image or caption, with a label.</summary>
internal sealed record NamedRepeat(string Name, long Times);

/// <summary>Corpus statistics with the facts that the page and tables show beside them.</summary>
/// <param name="Statistics">Statistics of the inspected rows.</param>
/// <param name="CorpusRows">Number of rows in the whole corpus.</param>
/// <param name="Files">Number of files.</param>
/// <param name="Size">Side of the image tower's input in pixels.</param>
/// <param name="Context">Context length of the text tower in tokens, including start and end.</param>
/// <param name="RepeatedImages">Rows whose image repeats that of an earlier row.</param>
/// <param name="RepeatedCaptions">Rows whose caption repeats that of an earlier row.</param>
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

    /// <summary>Description of the inspected rows.</summary>
    public string Extent =>
        Statistics.Rows == CorpusRows
            ? $"all {Telemetry.Readable.Count(CorpusRows)} rows of {Telemetry.Readable.Count(Files, "file")}"
            : $"{Telemetry.Readable.Count(Statistics.Rows)} rows, drawn from the {Telemetry.Readable.Count(CorpusRows)} of "
                + $"{Telemetry.Readable.Count(Files, "file")}";

    /// <summary>Share of a count in the inspected rows.</summary>
    public double Share(long count) => Statistics.Rows == 0 ? 0 : (double)count / Statistics.Rows;
}
