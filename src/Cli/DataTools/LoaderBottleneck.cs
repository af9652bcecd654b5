using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.Cli.DataTools;

/// <summary>Stage that limits a loader's rate.</summary>
internal enum SlowStage
{
    Read,
    Decode,
    Tokenize,
    Prefetch,
}

/// <summary>Settings and corpus properties that the advice depends on.</summary>
/// <param name="Threads">Decoding threads.</param>
/// <param name="Cores">Cores available to the worker.</param>
/// <param name="Prefetch">Value of data.prefetch.</param>
/// <param name="LargestRowGroup">Number of rows in the corpus's largest row group.</param>
/// <param name="MedianShortSide">Median of the shorter image side in pixels; 0 if unknown.</param>
/// <param name="Size">Side of the image tower's input in pixels.</param>
/// <param name="Jpeg">Value of data.jpeg.</param>
internal sealed record LoaderSetting(
    int Threads,
    int Cores,
    int Prefetch,
    int LargestRowGroup,
    double MedianShortSide,
    int Size,
    JpegDecode Jpeg
);

/// <summary>Diagnosis of a loader: the stage that limits its rate, and a remedy.</summary>
/// <param name="Stage">The limiting stage.</param>
/// <param name="ReadLimit">Images a second that the reading thread alone could deliver.</param>
/// <param name="DecodeLimit">Images a second that the decoding threads could deliver if they never waited.</param>
internal sealed record LoaderBottleneck(SlowStage Stage, double ReadLimit, double DecodeLimit)
{
    /// <summary>
    /// Share of blocked time above which decoding threads wait for each other, since the benchmark's consumer never
    /// blocks them.
    /// </summary>
    private const double BlockedShare = 0.25;

    /// <summary>Larger row groups are read in parts, and each part decompresses pages of the whole row group.</summary>
    private const int MaxRowGroup = 2048;

    public static LoaderBottleneck Of(LoaderBenchResult result)
    {
        var figures = result.Figures;
        // Windows are read ahead, so a short measurement may contain no reading at all.
        var read = figures.Read.Items > 0 ? figures.Read : result.Whole.Read;
        var busy = figures.Decode.Busy + figures.Tokenize.Busy + figures.Assemble.Busy;
        var readLimit = read.Items / Math.Max(read.Busy.TotalSeconds, 1e-9);
        var decodeLimit = figures.Threads * figures.Assemble.Items / Math.Max(busy.TotalSeconds, 1e-9);
        var threads = figures.Threads * figures.Elapsed;
        var stage =
            readLimit < decodeLimit ? SlowStage.Read
            : figures.Decode.Blocked / threads > BlockedShare ? SlowStage.Prefetch
            : figures.Tokenize.Busy > figures.Decode.Busy ? SlowStage.Tokenize
            : SlowStage.Decode;
        return new LoaderBottleneck(stage, readLimit, decodeLimit);
    }

    /// <summary>Returns one sentence with the stage, its limit and the remedy.</summary>
    public string Advice(LoaderSetting setting) =>
        Stage switch
        {
            SlowStage.Read when setting.LargestRowGroup > MaxRowGroup =>
                $"Reading is the bottleneck, at {Rate(ReadLimit)}: row groups have up to {Readable.Count(setting.LargestRowGroup)} rows "
                    + "and are read in parts; rewrite the corpus with at most 1,000 rows per row group.",
            SlowStage.Read => $"Reading is the bottleneck, at {Rate(ReadLimit)}: move the corpus to faster or local storage.",
            SlowStage.Prefetch => $"Decoding threads wait for each other at batch ends; without that they reach {Rate(DecodeLimit)}: raise "
                + "data.prefetch from "
                + $"{setting.Prefetch} to {2 * setting.Prefetch}.",
            SlowStage.Tokenize => $"Tokenizing is the bottleneck, at {Rate(DecodeLimit)}: captions are very long; shorten them in the "
                + $"corpus{OrThreads(setting)}.",
            _ when setting.Threads < setting.Cores =>
                $"Decoding is the bottleneck, at {Rate(DecodeLimit)} on {Count(setting.Threads)}: raise data.threads to up to "
                    + $"{setting.Cores}, the worker's cores, if compute leaves them idle.",
            _ when setting.MedianShortSide >= 2 * setting.Size =>
                $"Decoding is the bottleneck, at {Rate(DecodeLimit)} on {Cores(setting)}: images have "
                    + $"{Readable.Number(setting.MedianShortSide)} px on their shorter side, the model uses {setting.Size}; "
                    + $"{Scaled(setting)}store them smaller, or give the worker more cores.",
            _ => $"Decoding is the bottleneck, at {Rate(DecodeLimit)} on {Cores(setting)}: give the worker more cores, or store images "
                + $"as JPEG of not much more than {setting.Size} px.",
        };

    private static string Scaled(LoaderSetting setting) =>
        setting.Jpeg == JpegDecode.Scaled ? "" : "set data.jpeg: scaled if they are JPEGs, ";

    private static string OrThreads(LoaderSetting setting) =>
        setting.Threads < setting.Cores ? $", or raise data.threads to up to {setting.Cores}" : "";

    private static string Cores(LoaderSetting setting) =>
        setting.Cores == 1 ? "the worker's one core" : $"all of the worker's {setting.Cores} cores";

    private static string Rate(double images) => $"{Readable.Number(images)} images a second";

    private static string Count(int threads) => threads == 1 ? "1 thread" : $"{threads} threads";
}
