using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>The start of a new run, the same for the program and for C#.</summary>
internal static class NewRun
{
    /// <summary>Examines the initial weights, selects the corpus, and creates the run's folder with both pinned.</summary>
    /// <param name="files">Files of the run.</param>
    /// <param name="options">The run as it was configured.</param>
    /// <param name="onRule">See <see cref="RunCorpus.Select"/>.</param>
    /// <returns>The options with the hash of the initial weights, and the selected corpus.</returns>
    /// <exception cref="CorpusException">The corpus cannot be used.</exception>
    /// <exception cref="UsageException">Another process has created the folder in the meantime.</exception>
    public static (RunOptions Options, CorpusManifest Manifest) Create(RunFiles files, RunOptions options, Action<string>? onRule = null)
    {
        var start = StartWeights.Examine(options);
        var manifest = RunCorpus.Select(options, onRule);
        if (start is not null)
        {
            options = options with { Training = options.Training with { StartFromSha256 = start.Sha256 } };
        }

        RunFolder.Create(
            files,
            aside =>
            {
                start?.Save(aside.StartFrom);
                File.WriteAllText(aside.Config, ConfigWriter.Write(options));
                manifest.Save(aside.Manifest);
            }
        );
        return (options, manifest);
    }
}
