using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>How far an import is.</summary>
/// <param name="Rows">Rows written.</param>
/// <param name="Failures">Pairs that could not be used.</param>
/// <param name="Share">Share of the inputs that is behind, 0 to 1.</param>
/// <param name="Shards">Files finished.</param>
public readonly record struct ImportProgress(long Rows, long Failures, double Share, int Shards);

/// <summary>
/// Brings pairs from a source into a corpus: Parquet files of a fixed number of rows, their bytes a function of source and
/// options alone. An import that was cut off goes on behind its last finished file when it is started again.
/// </summary>
/// <remarks>
/// Memory does not grow with the corpus. Held are a row group (128 MiB of images at most, usually 32), 16 MiB or 64 rows
/// of each of four inputs that are read ahead, and two rows a core under way; an image has at most
/// <see cref="SampleFiles.MaxImageBytes"/>. The process measured 115 MB with images of 23 KB and 460 MB with images of
/// 1.3 MB on two cores, most of the latter garbage that the collector had not come to.
/// </remarks>
/// <param name="source">Where rows come from.</param>
/// <param name="options">What is written.</param>
public sealed class CorpusImport(ImportSource source, ImportOptions options)
{
    private const int UnderWayPerCore = 2;

    /// <summary>Imports what is not imported yet.</summary>
    /// <param name="progress">Told after every row, on the thread that calls.</param>
    /// <param name="cancellation">Ends the import; what is finished stays.</param>
    /// <returns>The state at the end. It has no rows if nothing could be imported.</returns>
    /// <exception cref="ImportRefusedException">The folder holds something else than the beginning of this import.</exception>
    /// <exception cref="CorpusException">An input cannot be read, or there were too many failures.</exception>
    public ImportState Run(IProgress<ImportProgress>? progress = null, CancellationToken cancellation = default)
    {
        var state = Begin();
        if (!state.Complete)
            Go(state, progress, cancellation);
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
                File.Delete(abandoned);
            return state;
        }

        if (Directory.EnumerateFiles(directory, "*.parquet").FirstOrDefault() is { } file)
            throw new ImportRefusedException(
                $"{file} is in the way: the folder holds a corpus that no import of this kind began; name another folder"
            );
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
                        Finish(state, ref shard);
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
                throw new ImportRowException("no caption", "there is none, or it is blank");
            if (row.Captions.Count > 1 && !lists)
                throw new ImportRowException(
                    "several captions",
                    $"there are {row.Captions.Count}, where the first rows have one each, so that the column is text; name inputs with "
                        + "several first"
                );
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
            return;
        ImportReport.Write(state, options.OutputDirectory);
        throw new CorpusException(
            $"more than {options.MaxFailures} pairs could not be imported, the last of them {failure.Place}: {failure.Reason}, "
                + $"{failure.Detail}. "
                + $"{Path.Combine(options.OutputDirectory, ImportReport.FileName)} names the first {ImportTally.NamedFailures}; raise "
                + "--max-failures to go on"
        );
    }

    /// <summary>Puts the shard in place, then says so: cut off in between, it is written again with the same bytes.</summary>
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

/// <summary>How thoroughly images are looked at before they are taken.</summary>
public enum ImageVerification
{
    /// <summary>Header and end of JPEG, PNG, WebP and GIF; other formats, and whatever looks odd, are decoded.</summary>
    Header,

    /// <summary>Every image is decoded.</summary>
    Decode,
}

/// <summary>What an import writes, and what it accepts.</summary>
public sealed record ImportOptions
{
    /// <summary>Folder of the corpus; made if it does not exist.</summary>
    public required string OutputDirectory { get; init; }

    /// <summary>
    /// Rows of each file but the last: large enough that a corpus is not many thousand files, small enough that little is lost when an
    /// import is killed.
    /// </summary>
    public int ShardRows { get; init; } = 10_000;

    /// <summary>How images are verified.</summary>
    public ImageVerification Verify { get; init; } = ImageVerification.Header;

    /// <summary>Whether pairs without a caption are taken, as a labelled set for evaluation needs.</summary>
    public bool AllowNoCaption { get; init; }

    /// <summary>More failures than this end the import.</summary>
    public long MaxFailures { get; init; } = long.MaxValue;
}

/// <summary>The arguments do not fit what lies in the output folder. The message says how and what to do.</summary>
public sealed class ImportRefusedException(string message) : Exception(message);
