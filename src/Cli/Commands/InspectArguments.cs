using System.CommandLine;
using ClipTrain.Cli.DataTools;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>Arguments shared by the commands that inspect a corpus.</summary>
/// <param name="sampleDescription">Description of --sample.</param>
/// <param name="sample">Default of --sample; null for all rows.</param>
internal sealed class InspectArguments(string sampleDescription, long? sample)
{
    private readonly Argument<string[]> _corpus = new("CORPUS") { Description = CorpusInput.Description, Arity = ArgumentArity.OneOrMore };
    private readonly Option<long?> _sample = new("--sample") { Description = sampleDescription, DefaultValueFactory = _ => sample };
    private readonly Option<ulong?> _seed = new("--seed")
    {
        Description = "Seed of the random sample. Default: the run file's seed, or 0.",
    };

    public Command AddTo(Command command)
    {
        command.Add(_corpus);
        command.Add(_sample);
        command.Add(_seed);
        return command;
    }

    /// <exception cref="UsageException">A number is out of range.</exception>
    public (CorpusInput Input, RowChoice Choice) Read(ParseResult parsed)
    {
        var rows = parsed.GetValue(_sample);
        if (rows < 1)
        {
            throw new UsageException($"--sample is {rows}; it must be at least 1");
        }

        var input = CorpusInput.Open(parsed.GetRequiredValue(_corpus));
        input = input with { Seed = parsed.GetValue(_seed) ?? input.Seed };
        return (input, rows is { } count ? RowChoice.Sample(input.Manifest, count, input.Seed) : RowChoice.All(input.Manifest));
    }
}
