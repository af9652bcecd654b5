using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.DataTools;

/// <summary>
/// Corpus named on the command line, with the preprocessing to apply: Parquet files, folders and globs with the
/// settings of open_clip's ViT-B/32, or a run file with its own corpus, vocabulary, context and augmentation.
/// </summary>
/// <param name="Merges">Merge list of the tokenizer.</param>
public sealed record CorpusInput(
    CorpusManifest Manifest,
    ITokenizer Tokenizer,
    MergeList Merges,
    ImageTransformOptions Augmentation,
    ulong Seed
)
{
    public const string Description =
        "Parquet files, folders of them, or globs; or one run file (.yaml), for its corpus, vocabulary and augmentation.";

    private const int Size = 224,
        Context = 77;

    /// <exception cref="UsageException">A run file is combined with other inputs.</exception>
    /// <exception cref="ConfigException">The run file is invalid.</exception>
    /// <exception cref="CorpusException">The corpus cannot be read.</exception>
    public static CorpusInput Open(IReadOnlyList<string> inputs)
    {
        if (inputs is [var only] && IsRunFile(only))
        {
            return Of(RunConfig.Load(only, []).Options);
        }

        if (inputs.FirstOrDefault(IsRunFile) is { } runFile)
        {
            throw new UsageException($"{runFile} is a run file; give it alone, or give only Parquet files.");
        }

        var merges = MergeList.OpenAi();
        var manifest = CorpusManifest.Create(inputs, captionRequired: false);
        if (manifest.ColumnsTaken is { } taken)
        {
            Console.Error.WriteLine($"Taken: {taken}");
        }

        return new CorpusInput(manifest, new BpeTokenizer(merges, Context), merges, new ImageTransformOptions(Size), Seed: 0);
    }

    private static CorpusInput Of(RunOptions options) =>
        new(
            RunCorpus.Select(options),
            RunPlan.Tokenizer(options),
            RunPlan.Merges(options.Data.Merges),
            RunPlan.Images(options).Training,
            options.Seed
        );

    private static bool IsRunFile(string path) => Path.GetExtension(path) is ".yaml" or ".yml";
}
