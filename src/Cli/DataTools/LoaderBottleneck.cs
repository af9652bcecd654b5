using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Trainer.Models;

namespace ClipTrain.Cli.DataTools;

/// <summary>What holds a loader back.</summary>
internal enum SlowStage
{
    Read,
    Decode,
    Tokenize,
    Prefetch,
}

/// <summary>Facts that advice depends on.</summary>
/// <param name="Threads">Decoding threads.</param>
/// <param name="Cores">Cores that the worker may use.</param>
/// <param name="Prefetch">data.prefetch.</param>
/// <param name="LargestRowGroup">Rows of the corpus' largest row group.</param>
/// <param name="MedianShortSide">Pixels of the corpus' images, 0 when unknown.</param>
/// <param name="Size">Side of the image tower's input in pixels.</param>
/// <param name="Jpeg">data.jpeg.</param>
internal sealed record LoaderSetting(
    int Threads,
    int Cores,
    int Prefetch,
    int LargestRowGroup,
    double MedianShortSide,
    int Size,
    JpegDecode Jpeg
);

/// <summary>Finds the stage that bounds a loader's rate, and what to change.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="ReadLimit">Images a second that the reading thread could deliver alone.</param>
/// <param name="DecodeLimit">Images a second that the decoding threads could deliver if they never waited.</param>
internal sealed record LoaderBottleneck(SlowStage Stage, double ReadLimit, double DecodeLimit)
{
    /// <summary>Threads that wait this share of their time for room, with a consumer that never lets batches lie, wait for each other.</summary>
    private const double BlockedShare = 0.25;

    /// <summary>Groups of rows with more are read in parts, and each part decompresses pages of the whole.</summary>
    private const int MaxRowGroup = 2048;

    public static LoaderBottleneck Of(LoaderBenchResult result)
    {
        var figures = result.Figures;
        // Windows are read ahead: a short measurement may see no reading at all.
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

    /// <summary>One sentence: the stage, its limit, and what to change.</summary>
    public string Advice(LoaderSetting setting) =>
        Stage switch
        {
            SlowStage.Read when setting.LargestRowGroup > MaxRowGroup =>
                $"Reading is the bottleneck, at {Rate(ReadLimit)}: row groups have up to {Readable.Count(setting.LargestRowGroup)} rows "
                    + "and are read in parts; write the corpus anew with 1,000 rows a group or fewer.",
            SlowStage.Read =>
                $"Reading is the bottleneck, at {Rate(ReadLimit)}: put the corpus on faster storage, or on this machine's own disk.",
            SlowStage.Prefetch =>
                $"Threads wait for each other at the ends of batches, at {Rate(DecodeLimit)} if they did not: raise data.prefetch from "
                    + $"{setting.Prefetch} to {2 * setting.Prefetch}.",
            SlowStage.Tokenize => $"Tokenizing is the bottleneck, at {Rate(DecodeLimit)}: captions are very long; shorten them in the "
                + $"corpus{OrThreads(setting)}.",
            _ when setting.Threads < setting.Cores =>
                $"Decoding is the bottleneck, at {Rate(DecodeLimit)} on {Count(setting.Threads)}: raise data.threads to up to "
                    + $"{setting.Cores}, the worker's cores, where compute leaves them idle.",
            _ when setting.MedianShortSide >= 2 * setting.Size =>
                $"Decoding is the bottleneck, at {Rate(DecodeLimit)} on {Cores(setting)}: images have "
                    + $"{Readable.Number(setting.MedianShortSide)} px on their shorter side, the model sees {setting.Size}; "
                    + $"{Scaled(setting)}store them smaller, or give the worker more cores.",
            _ => $"Decoding is the bottleneck, at {Rate(DecodeLimit)} on {Cores(setting)}: give the worker more cores, or store images "
                + $"as JPEG of little more than {setting.Size} px.",
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
