using ClipTrain.Cli.Runs;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Cli.Embedding;

/// <summary>A model to embed with.</summary>
/// <param name="Opened">The model.</param>
/// <param name="Run">Options by which evaluation makes its images: those of the run that trained it, or the usual ones.</param>
public sealed record EmbeddingModel(OpenedModel Opened, RunOptions Run) : IDisposable
{
    /// <param name="path">What <see cref="ModelFolder.Open"/> takes.</param>
    /// <param name="model">With a file: its model.</param>
    /// <param name="what">What is to be embedded.</param>
    /// <exception cref="UsageException">There is no model, or it cannot embed that.</exception>
    /// <exception cref="Checkpoints.WeightsException">It is broken.</exception>
    public static EmbeddingModel Open(string path, string? model, EmbeddingContent what)
    {
        var opened = ModelFolder.Open(path, model);
        try
        {
            opened.RequireClipPreprocessing();
            if (what != EmbeddingContent.Images && !opened.HasSharedSpace)
                throw new UsageException(
                    $"{path}: the model was trained for {OptionSection.SnakeCase(opened.Objective.ToString())} and embeds no texts; give "
                        + "--what images."
                );
            return new EmbeddingModel(
                opened,
                opened.Run
                    ?? new RunOptions
                    {
                        Model = opened.Options,
                        Data = new DataOptions(),
                        Training = new TrainingOptions { GlobalBatch = 1 },
                    }
            );
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The vocabulary's name, for the folder's plan.</summary>
    public string Vocabulary => Opened.Run?.Data.Merges ?? "the model's";

    /// <summary>The model's tokenizer.</summary>
    /// <exception cref="UsageException">Its files do not say which.</exception>
    public ITokenizer Tokenizer() => Opened.Tokenizer();

    /// <summary>The model with its weights. To be called on the torch thread.</summary>
    public ClipModel Load(Precision precision, torch.Device device) => Opened.Load(precision, device);

    public void Dispose() => Opened.Dispose();
}
