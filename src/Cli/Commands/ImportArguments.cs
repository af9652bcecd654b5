using System.CommandLine;
using ClipTrain.DataPipeline.Import;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>Options shared by all imports.</summary>
internal sealed class ImportArguments
{
    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "Output folder of the corpus. An interrupted import continues from the files there.",
        Required = true,
    };
    private readonly Option<int> _shardSize = new("--shard-size")
    {
        Description = "Rows per Parquet file.",
        DefaultValueFactory = _ => 10_000,
    };
    private readonly Option<ImageVerification> _verify = new("--verify")
    {
        Description = "Image check: header (default) inspects the first and last bytes; decode decodes the image.",
    };
    private readonly Option<bool> _allowNoCaption = new("--allow-no-caption")
    {
        Description = "Also import images without a caption, e.g. for a labelled evaluation set.",
    };
    private readonly Option<long?> _maxFailures = new("--max-failures")
    {
        Description = "Stop after more than this number of failed pairs. Default: no limit.",
    };

    public Command AddTo(Command command)
    {
        foreach (var option in (Option[])[_output, _shardSize, _verify, _allowNoCaption, _maxFailures])
        {
            command.Add(option);
        }

        return command;
    }

    /// <exception cref="UsageException">A number is out of range.</exception>
    public ImportOptions Read(ParseResult parsed) =>
        new()
        {
            OutputDirectory = parsed.GetRequiredValue(_output),
            ShardRows = AtLeastOne(parsed.GetValue(_shardSize)),
            Verify = parsed.GetValue(_verify),
            AllowNoCaption = parsed.GetValue(_allowNoCaption),
            MaxFailures = parsed.GetValue(_maxFailures) switch
            {
                null => long.MaxValue,
                >= 0 and var failures => failures,
                var failures => throw new UsageException($"--max-failures is {failures}; it must be at least 0"),
            },
        };

    internal static int AtLeastOne(int shardSize) =>
        shardSize >= 1 ? shardSize : throw new UsageException($"--shard-size is {shardSize}; it must be at least 1");
}
