using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.DataPipeline.Import;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>The options that all imports have.</summary>
internal sealed class ImportArguments
{
    private readonly Option<string> _output = new("--output", "-o")
    {
        Description = "Folder of the corpus. An import that was cut off goes on from what is there.",
        Required = true,
    };
    private readonly Option<int> _shardSize = new("--shard-size")
    {
        Description = "Rows of each Parquet file.",
        DefaultValueFactory = _ => 10_000,
    };
    private readonly Option<ImageVerification> _verify = new("--verify")
    {
        Description = "header, the default, looks at an image's first and last bytes; decode decodes it.",
    };
    private readonly Option<bool> _allowNoCaption = new("--allow-no-caption")
    {
        Description = "Take images without caption too, as for a labelled evaluation set.",
    };
    private readonly Option<long?> _maxFailures = new("--max-failures")
    {
        Description = "Stop when more pairs than this cannot be imported; never when left out.",
    };

    public Command AddTo(Command command)
    {
        foreach (var option in (Option[])[_output, _shardSize, _verify, _allowNoCaption, _maxFailures])
            command.Add(option);
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
                var failures => throw new UsageException($"--max-failures is {failures}; give 0 or more"),
            },
        };

    internal static int AtLeastOne(int shardSize) =>
        shardSize >= 1 ? shardSize : throw new UsageException($"--shard-size is {shardSize}; give 1 or more");
}
