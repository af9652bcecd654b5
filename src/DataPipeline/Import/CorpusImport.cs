using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Progress of an import.</summary>
/// <param name="Rows">Rows written.</param>
/// <param name="Failures">Pairs that could not be used.</param>
/// <param name="Share">Share of the inputs read, 0 to 1.</param>
/// <param name="Shards">Shards finished.</param>
public readonly record struct ImportProgress(long Rows, long Failures, double Share, int Shards);

/// <summary>
/// Imports pairs from a source into a corpus: Parquet files (shards) with a fixed number of rows, whose bytes are a function of source
/// and options. An interrupted import continues after its last finished shard when started again.
/// </summary>
/// <remarks>
/// Memory does not grow with the corpus: a row group (at most 128 MiB of images, usually 32), 16 MiB or 64 rows of each of four
/// prefetched inputs, and two rows per core in progress; an image has at most <see cref="SampleFiles.MaxImageBytes"/>. Measured on two
/// cores: 115 MB with images of 23 KB, 460 MB with images of 1.3 MB, most of the latter uncollected garbage.
/// </remarks>
/// <param name="source">The source of the rows.</param>
/// <param name="options">Output and limits.</param>
public sealed class CorpusImport(ImportSource source, ImportOptions options)
{
    private const int UnderWayPerCore = 2;

    /// <summary>Imports the remaining rows.</summary>
    /// <param name="progress">Called after every row, on the calling thread.</param>
    /// <param name="cancellation">Ends the import; finished shards are kept.</param>
    /// <returns>The final state; without rows if nothing could be imported.</returns>
    /// <exception cref="ImportRefusedException">The folder contains something other than the beginning of this import.</exception>
    /// <exception cref="CorpusException">An input cannot be read, or too many pairs failed.</exception>
    public ImportState Run(IProgress<ImportProgress>? progress = null, CancellationToken cancellation = default)
    {
        var state = Begin();
        if (!state.Complete)
        {
            Go(state, progress, cancellation);
        }

        ImportReport.Write(state, options.OutputDirectory);
        return state;
    }

    private ImportState Begin()
    {
        var arguments = new SortedDictionary<string, string>(source.Arguments.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal)
        {
            ["--shard-size"] = $"{options.ShardRows}",
            ["--verify"] = options.Verify.ToString().ToLowerInvariant(),
            ["--allow-no-caption"] = options.AllowNoCaption ? "true" : "false",
        };
        var directory = options.OutputDirectory;
        Directory.CreateDirectory(directory);
        if (ImportState.Load(directory) is { } state)
        {
            state.RequireSame(arguments, source.Inputs, directory);
            foreach (var abandoned in Directory.EnumerateFiles(directory, "*.parquet.*.tmp"))
            {
                File.Delete(abandoned);
            }

            return state;
        }

        if (Directory.EnumerateFiles(directory, "*.parquet").FirstOrDefault() is { } file)
        {
            throw new ImportRefusedException(
                $"{file} is in the way: the folder already contains a corpus from elsewhere; choose another folder"
            );
        }

        var fresh = new ImportState
        {
            Arguments = arguments,
            Inputs = source.Inputs,
            ExtraNames = source.ExtraNames(),
            CaptionLists = source.HasSeveralCaptions(),
        };
        fresh.Save(directory);
        return fresh;
    }

    private void Go(ImportState state, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        var columns = new ExtraColumns(state.ExtraNames);
        var meter = new InputMeter(source.Inputs);
        using var check = new ImageCheck(options.Verify);
        var outcomes = ReadAhead.Select(
            ReadAhead.Of(source, state.Next),
            item => (item.Behind, item.Row, Outcome: Try(item.Row, check, state.CaptionLists)),
            UnderWayPerCore * Environment.ProcessorCount
        );

        ShardWriter? shard = null;
        try
        {
            foreach (var (behind, row, outcome) in outcomes)
            {
                cancellation.ThrowIfCancellationRequested();
                state.Next = behind;
                if (outcome.Row is { } made)
                {
                    shard ??= new ShardWriter(
                        Path.Combine(options.OutputDirectory, ShardWriter.FileName(state.Shards.Count)),
                        columns.Names,
                        state.CaptionLists
                    );
                    shard.Add(made, columns.Place(made, state.Tally));
                    state.Tally.Add(made);
                    if (shard.Rows == options.ShardRows)
                    {
                        Finish(state, ref shard);
                    }
                }
                else
                {
                    AddFailure(state, outcome.Failure!);
                }

                progress?.Report(
                    new ImportProgress(
                        state.Tally.Rows,
                        state.Tally.Failures(),
                        meter.Share(behind.Input, row.Position),
                        state.Shards.Count
                    )
                );
            }

            state.Complete = true;
            Finish(state, ref shard);
        }
        finally
        {
            shard?.Dispose();
        }
    }

    private (ImportRow? Row, ImportFailure? Failure) Try(PendingRow pending, ImageCheck check, bool lists)
    {
        try
        {
            var row = pending.Make();
            if (row.Captions.All(string.IsNullOrWhiteSpace) && !options.AllowNoCaption)
            {
                throw new ImportRowException("no caption", "the caption is missing or blank");
            }

            if (row.Captions.Count > 1 && !lists)
            {
                throw new ImportRowException(
                    "several captions",
                    $"there are {row.Captions.Count}, but the caption column is text because the first rows have one each; name "
                        + "inputs with several first"
                );
            }

            check.Check(row.Image);
            return (row, null);
        }
        catch (ImportRowException e)
        {
            return (null, new ImportFailure(pending.Place, e.Reason, e.Detail));
        }
    }

    private void AddFailure(ImportState state, ImportFailure failure)
    {
        state.Tally.Add(failure);
        if (state.Tally.Failures() <= options.MaxFailures)
        {
            return;
        }

        ImportReport.Write(state, options.OutputDirectory);
        throw new CorpusException(
            $"more than {options.MaxFailures} pairs could not be imported, the last one {failure.Place}: {failure.Reason}, "
                + $"{failure.Detail}. "
                + $"{Path.Combine(options.OutputDirectory, ImportReport.FileName)} lists the first {ImportTally.NamedFailures}; raise "
                + "--max-failures to continue"
        );
    }

    /// <summary>
    /// Renames the finished shard, then records it: after an interruption in between, it is written again with the same bytes.
    /// </summary>
    private void Finish(ImportState state, ref ShardWriter? shard)
    {
        if (shard is not null)
        {
            shard.Complete();
            shard.Dispose();
            shard = null;
            var file = ShardWriter.FileName(state.Shards.Count);
            state.Shards.Add(new ImportShard(file, new FileInfo(Path.Combine(options.OutputDirectory, file)).Length));
        }

        state.Save(options.OutputDirectory);
    }
}

/// <summary>Thoroughness of image verification during an import.</summary>
public enum ImageVerification
{
    /// <summary>Header and end of JPEG, PNG, WebP and GIF; other formats, and suspicious files, are decoded.</summary>
    Header,

    /// <summary>Every image is decoded.</summary>
    Decode,
}

/// <summary>Output of an import, and limits on its input.</summary>
public sealed record ImportOptions
{
    /// <summary>Folder of the corpus; created if it does not exist.</summary>
    public required string OutputDirectory { get; init; }

    /// <summary>
    /// Rows per shard, except the last: large enough to avoid thousands of files, small enough that little work is lost when an import is
    /// killed.
    /// </summary>
    public int ShardRows { get; init; } = 10_000;

    /// <summary>Verification of images.</summary>
    public ImageVerification Verify { get; init; } = ImageVerification.Header;

    /// <summary>True to accept pairs without a caption, as in a labelled set for evaluation.</summary>
    public bool AllowNoCaption { get; init; }

    /// <summary>Largest number of failures before the import ends with an error.</summary>
    public long MaxFailures { get; init; } = long.MaxValue;
}

/// <summary>Arguments that do not fit the contents of the output folder. The message names the conflict and the remedy.</summary>
public sealed class ImportRefusedException(string message) : Exception(message);
